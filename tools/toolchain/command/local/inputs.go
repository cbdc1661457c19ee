package local

import (
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// LifecycleInputs say what to run at which point of a resource's life.
type LifecycleInputs struct {
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create   *string `pulumi:"create,optional"`
	Update   *string `pulumi:"update,optional"`
	Delete   *string `pulumi:"delete,optional"`
}

// Annotate describes the inputs in the schema.
func (in *LifecycleInputs) Annotate(a infer.Annotator) {
	a.Describe(&in.Triggers, "Values of any type; the resource is replaced when one of them changes.")
	a.Describe(&in.Create, "The command to run on creation, and on update where `update` is not given.")
	a.Describe(&in.Update, "The command to run when an input has changed. Default: `create`.")
	a.Describe(&in.Delete, "The command to run on deletion.")
}

// ProcessInputs say how a command is run.
type ProcessInputs struct {
	Stdin                  *string            `pulumi:"stdin,optional"`
	Logging                *Logging           `pulumi:"logging,optional"`
	Interpreter            *[]string          `pulumi:"interpreter,optional"`
	Dir                    *string            `pulumi:"dir,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	AssetPaths             *[]string          `pulumi:"assetPaths,optional"`
	ArchivePaths           *[]string          `pulumi:"archivePaths,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// Annotate describes the inputs in the schema.
func (in *ProcessInputs) Annotate(a infer.Annotator) {
	a.Describe(&in.Stdin, "What the command reads from its standard input.")
	a.Describe(&in.Logging, "Which of the command's streams are shown while it runs. Default: both.")
	a.Describe(&in.Interpreter, "The program and arguments that the command is given to. Default: `[\"/bin/sh\", \"-c\"]`.")
	a.Describe(&in.Dir, "The directory to run in; it must exist.")
	a.Describe(&in.Environment, "Variables added to the environment of the command.")
	a.Describe(&in.AssetPaths, "Globs of files, relative to the directory, returned as `assets`. `!` excludes.")
	a.Describe(&in.ArchivePaths, "Globs of files, relative to the directory, returned as one `archive`. `!` excludes.")
	a.Describe(&in.AddPreviousOutputInEnv,
		"Whether the outputs of the run before are in the environment of the next one, "+
			"as PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR. Default: true.")
}

// ProcessOutputs are the results of a command that has ended well.
type ProcessOutputs struct {
	Stdout  string                            `pulumi:"stdout"`
	Stderr  string                            `pulumi:"stderr"`
	Assets  *map[string]*types.AssetOrArchive `pulumi:"assets,optional"`
	Archive *resource.Archive                 `pulumi:"archive,optional"`
}

// Annotate describes the outputs in the schema.
func (out *ProcessOutputs) Annotate(a infer.Annotator) {
	a.Describe(&out.Stdout, "The standard output of the command, without its last newline.")
	a.Describe(&out.Stderr, "The standard error of the command, without its last newline.")
	a.Describe(&out.Assets, "The files that `assetPaths` found, by their path relative to the directory.")
	a.Describe(&out.Archive, "The files that `archivePaths` found.")
}
