package main

import (
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"

	"overcloud/tools/toolchain/command/local"
)

// newProvider answers for the local types itself and refuses all others by name.
func newProvider() p.Provider {
	return infer.Wrap(unsupported(), infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Command",
			Description: "Runs local commands as part of the resource model.",
			License:     "Apache-2.0",
		},
		Resources: []infer.InferredResource{infer.Resource(&local.Command{})},
		Functions: []infer.InferredFunction{infer.Function(&local.Run{})},
	})
}
