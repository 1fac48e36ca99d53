package main

// film.go owns the data: 600 films, embedded, and how they are cut into pages. Where a figure is unknown the field is null.

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

const (
	filmsPerPage = 20
	lastPage     = 30 // 600 films; loadFilms checks it
)

type film struct {
	Title    string  `json:"title"`
	Released string  `json:"released"`
	Genre    *string `json:"genre"`
	Director *string `json:"director"`
	Rating   float64 `json:"rating"`
	Votes    int     `json:"votes"`
	Minutes  *int    `json:"minutes"`
}

// filmPage is what both servers answer with. Once made it is never changed, so any number of requests may share one.
type filmPage struct {
	Number int    `json:"page"`
	Last   int    `json:"last"`
	Films  []film `json:"films"`
}

//go:embed movies.json
var moviesJSON []byte

func loadFilms() ([]film, error) {
	var films []film
	if err := json.Unmarshal(moviesJSON, &films); err != nil {
		return nil, fmt.Errorf("read the embedded films: %w", err)
	}
	if len(films) != filmsPerPage*lastPage {
		return nil, fmt.Errorf("read the embedded films: got %d, want %d", len(films), filmsPerPage*lastPage)
	}
	return films, nil
}

// pageOf cuts out page n, counted from 1, and reports whether there is one.
func pageOf(films []film, n int) (filmPage, bool) {
	if n < 1 || n > lastPage {
		return filmPage{}, false
	}
	return filmPage{Number: n, Last: lastPage, Films: films[(n-1)*filmsPerPage : n*filmsPerPage]}, true
}
