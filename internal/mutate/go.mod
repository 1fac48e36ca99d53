module github.com/weir-go/weir/internal/mutate

go 1.25.0
