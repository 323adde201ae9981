.PHONY: build demo test race bench fuzz lint golden install conformance containers clients servers verifiers docs hostile dist installed windows

build: ; CGO_ENABLED=$${CGO_ENABLED:-0} go build -trimpath -buildvcs=auto -o mtlsprobe ./cmd/mtlsprobe
demo: build ; ./mtlsprobe demo
test: ; ./.ci/test
race: ; go test -race ./...
bench: ; go test -run '^$$' -bench . -benchmem ./...
fuzz: ; ./.ci/fuzz
lint: ; gofmt -l . && go vet ./...
golden: ; go test ./... -run Golden -update
install: ; go install -buildvcs=auto ./cmd/mtlsprobe
conformance: ; go test -count=1 -v -run Conformance ./certstore/chain
containers: ; go test -count=1 -v -run Containers ./certstore/...
clients: ; ./.ci/clients
servers: ; ./.ci/servers
verifiers: ; ./.ci/verifiers
hostile: ; ./.ci/hostile
docs: ; go run ./cmd/docs cmd/docs/out
dist: ; ./.ci/dist
installed: ; ./.ci/installed
windows: ; ./.ci/windows
