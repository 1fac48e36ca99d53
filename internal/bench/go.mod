module github.com/weir-go/weir/internal/bench

go 1.26.0

require (
	github.com/maypok86/otter/v2 v2.4.0
	github.com/samber/do/v2 v2.0.0
	github.com/samber/ro v0.3.0
	github.com/weir-go/weir v0.0.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/samber/go-type-to-string v1.8.0 // indirect
	github.com/samber/lo v1.52.0 // indirect
	golang.org/x/exp v0.0.0-20220303212507-bbda1eaf7a17 // indirect
	golang.org/x/text v0.22.0 // indirect
)

replace github.com/weir-go/weir => ../..
