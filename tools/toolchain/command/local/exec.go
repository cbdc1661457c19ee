package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
)

// How patiently a command is ended. Variables for the tests.
var (
	// From SIGTERM to SIGKILL of the process group.
	termGrace = 8 * time.Second
	// From the end of the command (or from SIGTERM) until pipes that its children still
	// hold open are given up. Longer than termGrace, whose end closes most of them.
	pipeGrace = 10 * time.Second
)

const (
	// The kernel's limit for one environment string, NAME=value and its zero.
	maxEnvString = 128 << 10
	// How much of the output an error message quotes: its end.
	maxErrorOutput = 64 << 10
)

// run runs the command to its end and fills in the outputs. out holds those of the run
// before, and is changed only if the command succeeds.
func run(ctx context.Context, command string, in ProcessInputs, out *ProcessOutputs) error {
	argv := []string{"/bin/sh", "-c"}
	if in.Interpreter != nil && len(*in.Interpreter) > 0 {
		argv = append([]string{}, *in.Interpreter...)
	}
	argv = append(argv, command)

	log := p.GetLogger(ctx)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = environment(in, *out, func(name string) {
		log.Warning(name + " is not set: the output of the run before is too long for the environment")
	})
	var err error
	if cmd.Dir, err = directory(in.Dir); err != nil {
		return err
	}
	if in.Stdin != nil && *in.Stdin != "" {
		cmd.Stdin = strings.NewReader(*in.Stdin)
	}

	show := func(line string) {
		if ctx.Err() == nil { // a cancelled call can't log any more
			log.InfoStatus(line)
		}
	}
	var stdout, stderr bytes.Buffer
	var both tail
	stdoutLines, stderrLines := &lineWriter{emit: show}, &lineWriter{emit: show}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, &both), io.MultiWriter(&stderr, &both)
	if in.Logging.stdout() {
		cmd.Stdout = io.MultiWriter(cmd.Stdout, stdoutLines)
	}
	if in.Logging.stderr() {
		cmd.Stderr = io.MultiWriter(cmd.Stderr, stderrLines)
	}

	err = runGroup(ctx, cmd)
	stdoutLines.flush()
	stderrLines.flush()
	if errors.Is(err, exec.ErrWaitDelay) {
		log.Warning("the command has ended, but something it started still holds its output open: it is left running, unheard")
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	if err := collect(cmd.Dir, in, out); err != nil {
		return err
	}
	out.Stdout = strings.TrimSuffix(text(stdout.Bytes()), "\n")
	out.Stderr = strings.TrimSuffix(text(stderr.Bytes()), "\n")
	return nil
}

// runGroup runs cmd in a session of its own. That makes it a process group that can be
// ended as a whole, and takes the terminal away from it: what would ask for a password
// there fails instead of waiting for ever.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = pipeGrace
	var ended chan struct{} // nil unless the command is cancelled
	cmd.Cancel = func() error {
		ended = make(chan struct{})
		go func() {
			defer close(ended)
			endGroups([]int{cmd.Process.Pid}, termGrace)
		}()
		return nil
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer guardGroup(cmd.Process.Pid)()
	err := cmd.Wait()
	if ended == nil {
		return err
	}
	<-ended
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("timed out and was ended")
	}
	return errors.New("cancelled and was ended")
}

func directory(dir *string) (string, error) {
	if dir != nil {
		return *dir, nil
	}
	return os.Getwd()
}

// environment is that of the plugin, then what the inputs add, then the outputs of the run
// before. tooLong is told of each of those that no environment can hold.
func environment(in ProcessInputs, previous ProcessOutputs, tooLong func(name string)) []string {
	env := os.Environ()
	if in.Environment != nil {
		for name, value := range *in.Environment {
			env = append(env, name+"="+value)
		}
	}
	if in.AddPreviousOutputInEnv != nil && !*in.AddPreviousOutputInEnv {
		return env
	}
	for _, output := range []struct{ name, value string }{
		{"PULUMI_COMMAND_STDOUT", previous.Stdout},
		{"PULUMI_COMMAND_STDERR", previous.Stderr},
	} {
		switch entry := output.name + "=" + output.value; {
		case output.value == "":
		case len(entry) >= maxEnvString:
			tooLong(output.name)
		default:
			env = append(env, entry)
		}
	}
	return env
}

// tail keeps the end of what several writers write.
type tail struct {
	mu   sync.Mutex
	data []byte
	cut  bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if len(t.data) > 2*maxErrorOutput {
		t.data = bytes.Clone(t.data[len(t.data)-maxErrorOutput:])
		t.cut = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if extra := len(t.data) - maxErrorOutput; extra > 0 {
		return "…" + text(t.data[extra:])
	}
	if t.cut {
		return "…" + text(t.data)
	}
	return text(t.data)
}
