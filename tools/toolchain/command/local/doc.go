// Package local implements the resources and functions of the module command:local:
// shell commands on the machine that Pulumi runs on.
//
// What the program can see is as published (inputs, outputs, defaults, when which
// command runs, what replaces). What differs is how a command ends: it runs in a session
// of its own, and its whole process group is ended when Pulumi cancels, when the
// resource's customTimeout is over, and when the plugin itself dies.
package local
