package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var (
	_ infer.CustomResource[CommandInputs, CommandOutputs] = (*Command)(nil)
	_ infer.CustomUpdate[CommandInputs, CommandOutputs]   = (*Command)(nil)
	_ infer.CustomDelete[CommandOutputs]                  = (*Command)(nil)
)

// Command is the resource command:local:Command. As published, by infer's defaults: one
// changed input makes all outputs unknown in a preview, and a secret input stays secret
// itself but does not make the outputs secret (additionalSecretOutputs does).
type Command struct{}

// Annotate describes the resource in the schema.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command that runs on this machine when the resource is created, updated or deleted.")
}

// CommandInputs are the inputs of command:local:Command.
type CommandInputs struct {
	LifecycleInputs
	ProcessInputs
}

// CommandOutputs are the properties of command:local:Command.
type CommandOutputs struct {
	CommandInputs
	ProcessOutputs
}

// Create runs the command `create`, if there is one. A failed command leaves nothing in
// the state.
func (*Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	resp := infer.CreateResponse[CommandOutputs]{Output: CommandOutputs{CommandInputs: req.Inputs}}
	var err error
	if resp.ID, err = resource.NewUniqueHex(req.Name, 8, 0); err != nil {
		return resp, err
	}
	if req.DryRun || req.Inputs.Create == nil {
		return resp, nil
	}
	return resp, run(ctx, *req.Inputs.Create, req.Inputs.ProcessInputs, &resp.Output.ProcessOutputs)
}

// Update runs the command `update`, or `create` where that is not given. With neither, the
// outputs stay as they are.
func (*Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	resp := infer.UpdateResponse[CommandOutputs]{
		Output: CommandOutputs{CommandInputs: req.Inputs, ProcessOutputs: req.State.ProcessOutputs},
	}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	if req.DryRun || command == nil {
		return resp, nil
	}
	return resp, run(ctx, *command, req.Inputs.ProcessInputs, &resp.Output.ProcessOutputs)
}

// Delete runs the command `delete` as the state has it, not as the program has it now.
func (*Command) Delete(
	ctx context.Context, req infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	if req.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	return infer.DeleteResponse{}, run(ctx, *req.State.Delete, req.State.ProcessInputs, &req.State.ProcessOutputs)
}
