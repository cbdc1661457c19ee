package provider

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/docker/docker/client"
)

// The docker that the process is configured for. Pulumi starts a process for each provider of a program.
var engine atomic.Pointer[client.Client]

// inspection is what docker says of a container, but for the results of its health checks.
func inspection(ctx context.Context, id string) ([]byte, error) {
	docker := engine.Load()
	if docker == nil {
		return nil, errors.New("no docker was reached")
	}
	_, said, err := docker.ContainerInspectWithRaw(ctx, id, false)
	if err != nil {
		return nil, err
	}
	return withoutHealth(said)
}

// withoutHealth leaves out what changes with each check.
func withoutHealth(said []byte) ([]byte, error) {
	var container, state map[string]json.RawMessage
	if err := json.Unmarshal(said, &container); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(container["State"], &state); err != nil {
		return nil, err
	}
	delete(state, "Health")
	rest, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	container["State"] = rest
	return json.Marshal(container)
}
