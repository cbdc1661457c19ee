package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Run is the function command:local:run.
type Run struct{}

// Annotate describes the function in the schema.
func (r *Run) Annotate(a infer.Annotator) {
	a.Describe(&r, "Runs a command on this machine, in every preview and every update.")
}

// RunInputs are the arguments of command:local:run.
type RunInputs struct {
	ProcessInputs
	Command string `pulumi:"command"`
}

// Annotate describes the arguments in the schema.
func (in *RunInputs) Annotate(a infer.Annotator) {
	a.Describe(&in.Command, "The command to run.")
}

// RunOutputs are the results of command:local:run.
type RunOutputs struct {
	RunInputs
	ProcessOutputs
}

// Invoke runs the command.
func (*Run) Invoke(
	ctx context.Context, req infer.FunctionRequest[RunInputs],
) (infer.FunctionResponse[RunOutputs], error) {
	resp := infer.FunctionResponse[RunOutputs]{Output: RunOutputs{RunInputs: req.Input}}
	return resp, run(ctx, req.Input.Command, req.Input.ProcessInputs, &resp.Output.ProcessOutputs)
}
