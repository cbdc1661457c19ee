package main

import (
	"context"

	p "github.com/pulumi/pulumi-go-provider"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// unsupported is a provider that refuses every resource and function, saying which one
// and what to do. It is what lies behind the types this plugin knows.
func unsupported() p.Provider {
	return p.Provider{
		Invoke: func(_ context.Context, req p.InvokeRequest) (p.InvokeResponse, error) {
			return p.InvokeResponse{}, refuse(string(req.Token))
		},
		Check: func(_ context.Context, req p.CheckRequest) (p.CheckResponse, error) {
			return p.CheckResponse{}, refuse(string(req.Urn.Type()))
		},
		Diff: func(_ context.Context, req p.DiffRequest) (p.DiffResponse, error) {
			return p.DiffResponse{}, refuse(string(req.Urn.Type()))
		},
		Create: func(_ context.Context, req p.CreateRequest) (p.CreateResponse, error) {
			return p.CreateResponse{}, refuse(string(req.Urn.Type()))
		},
		Read: func(_ context.Context, req p.ReadRequest) (p.ReadResponse, error) {
			return p.ReadResponse{}, refuse(string(req.Urn.Type()))
		},
		Update: func(_ context.Context, req p.UpdateRequest) (p.UpdateResponse, error) {
			return p.UpdateResponse{}, refuse(string(req.Urn.Type()))
		},
		Delete: func(_ context.Context, req p.DeleteRequest) error {
			return refuse(string(req.Urn.Type()))
		},
	}
}

func refuse(token string) error {
	return status.Errorf(codes.Unimplemented,
		"%s is not known to this build of the command plugin: it needs the published plugin (pulumi plugin install resource %s %s)",
		token, name, version)
}
