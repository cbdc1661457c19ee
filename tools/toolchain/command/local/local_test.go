package local

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulumi/pulumi-go-provider/infer"
)

func TestMain(m *testing.M) {
	// The test binary is its own guard, as the plugin is.
	if len(os.Args) == 2 && os.Args[1] == GuardArg {
		Guard(os.Stdin)
		return
	}
	os.Exit(m.Run())
}

func ptr[T any](v T) *T { return &v }

func TestOutputsLoseTheirLastNewlineOnly(t *testing.T) {
	var out ProcessOutputs
	if err := run(t.Context(), `printf 'a\n\n'; printf 'b' >&2`, ProcessInputs{}, &out); err != nil {
		t.Fatal(err)
	}
	if out.Stdout != "a\n" || out.Stderr != "b" {
		t.Errorf("got %q and %q", out.Stdout, out.Stderr)
	}
}

func TestEnvironmentStdinDirAndInterpreter(t *testing.T) {
	dir := t.TempDir()
	in := ProcessInputs{
		Environment: &map[string]string{"GREETING": "hello"},
		Stdin:       ptr("from stdin"),
		Dir:         &dir,
		Interpreter: &[]string{"/bin/sh", "-e", "-c"},
	}
	var out ProcessOutputs
	if err := run(t.Context(), `echo "$GREETING"; cat; echo; pwd -P; false; echo not reached`, in, &out); err == nil {
		t.Error("the interpreter's -e was not used")
	}
	if err := run(t.Context(), `echo "$GREETING"; cat; echo; pwd -P`, in, &out); err != nil {
		t.Fatal(err)
	}
	real, _ := filepath.EvalSymlinks(dir)
	if want := "hello\nfrom stdin\n" + real; out.Stdout != want {
		t.Errorf("got %q, want %q", out.Stdout, want)
	}
}

func TestMissingDirFails(t *testing.T) {
	if err := run(t.Context(), "true", ProcessInputs{Dir: ptr("/no/such/dir")}, &ProcessOutputs{}); err == nil {
		t.Error("no error")
	}
}

func TestFailureQuotesCommandAndOutputAndKeepsOutputs(t *testing.T) {
	out := ProcessOutputs{Stdout: "before"}
	err := run(t.Context(), "echo one; echo two >&2; exit 3", ProcessInputs{}, &out)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"exit status 3: running ", "exit 3", "one\n", "two\n"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if out.Stdout != "before" {
		t.Errorf("the output became %q", out.Stdout)
	}
}

func TestFailureQuotesTheEndOfLongOutput(t *testing.T) {
	err := run(t.Context(), "head -c 300000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1", ProcessInputs{}, &ProcessOutputs{})
	if err == nil || !strings.HasSuffix(err.Error(), "the end\n") || len(err.Error()) > maxErrorOutput+1000 {
		t.Errorf("got an error of %d bytes", len(err.Error()))
	}
}

func TestLongLinesAndInvalidText(t *testing.T) {
	var out ProcessOutputs
	if err := run(t.Context(), `head -c 200000 /dev/zero | tr '\0' x; printf '\377'`, ProcessInputs{}, &out); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("x", 200000) + "\uFFFD"; out.Stdout != want {
		t.Errorf("got %d bytes", len(out.Stdout))
	}
}

func TestLineWriter(t *testing.T) {
	var lines []string
	w := &lineWriter{emit: func(line string) { lines = append(lines, line) }}
	for _, part := range []string{"a", "b\r\nc\n", "\n", strings.Repeat("x", maxLine+5), "\nlast"} {
		_, _ = w.Write([]byte(part))
	}
	w.flush()
	want := []string{"ab", "c", "", strings.Repeat("x", maxLine), "xxxxx", "last"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %d lines: %.80q", len(lines), lines)
	}
}

func TestLoggingChoice(t *testing.T) {
	for _, c := range []struct {
		logging        *Logging
		stdout, stderr bool
	}{
		{nil, true, true},
		{ptr(LogStdoutAndStderr), true, true},
		{ptr(LogStdout), true, false},
		{ptr(LogStderr), false, true},
		{ptr(NoLogging), false, false},
	} {
		if c.logging.stdout() != c.stdout || c.logging.stderr() != c.stderr {
			t.Errorf("%v: wrong", c.logging)
		}
	}
}

func TestPreviousOutputInEnvironment(t *testing.T) {
	const command = `printf '%s/%s' "$PULUMI_COMMAND_STDOUT" "$PULUMI_COMMAND_STDERR"`
	for _, c := range []struct {
		name   string
		add    *bool
		stdout string
		want   string
	}{
		{"by default", nil, "o", "o/e"},
		{"asked for", ptr(true), "o", "o/e"},
		{"not wanted", ptr(false), "o", "/"},
		{"longer than any environment holds", nil, strings.Repeat("x", maxEnvString), "/e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := ProcessOutputs{Stdout: c.stdout, Stderr: "e"}
			if err := run(t.Context(), command, ProcessInputs{AddPreviousOutputInEnv: c.add}, &out); err != nil {
				t.Fatal(err)
			}
			if out.Stdout != c.want {
				t.Errorf("got %q", out.Stdout)
			}
		})
	}
}

func TestAssets(t *testing.T) {
	dir := t.TempDir()
	in := ProcessInputs{
		Dir:          &dir,
		AssetPaths:   &[]string{"assets/**", "src/**.js", "!**secret.*"},
		ArchivePaths: &[]string{"*.txt"},
	}
	var out ProcessOutputs
	err := run(t.Context(), `mkdir -p assets/logos src
		touch assets/logos/logo.svg src/index.js src/secret.js top.txt src/not-top.txt`, in, &out)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for path, asset := range *out.Assets {
		paths = append(paths, path)
		if asset.Asset.Path != filepath.Join(dir, path) {
			t.Errorf("%s is at %s", path, asset.Asset.Path)
		}
	}
	slices.Sort(paths)
	if !slices.Equal(paths, []string{"assets/logos/logo.svg", "src/index.js"}) {
		t.Errorf("got %q", paths)
	}
	archived, _ := out.Archive.GetAssets()
	if len(archived) != 1 || archived["top.txt"] == nil {
		t.Errorf("got %v", archived)
	}
}

func TestUpdateRunsCreateWhereItHasNothing(t *testing.T) {
	update := func(create, update *string) CommandOutputs {
		t.Helper()
		resp, err := (*Command)(nil).Update(t.Context(), infer.UpdateRequest[CommandInputs, CommandOutputs]{
			Inputs: CommandInputs{LifecycleInputs: LifecycleInputs{Create: create, Update: update}},
			State:  CommandOutputs{ProcessOutputs: ProcessOutputs{Stdout: "old"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Output
	}
	if got := update(ptr("echo create"), ptr("echo update")).Stdout; got != "update" {
		t.Errorf("got %q", got)
	}
	if got := update(ptr("echo create"), nil).Stdout; got != "create" {
		t.Errorf("got %q", got)
	}
	if got := update(nil, nil).Stdout; got != "old" {
		t.Errorf("got %q", got)
	}
}

// impatient shortens the graces for one test.
func impatient(t *testing.T) {
	term, pipe := termGrace, pipeGrace
	termGrace, pipeGrace = 300*time.Millisecond, 600*time.Millisecond
	t.Cleanup(func() { termGrace, pipeGrace = term, pipe })
}

// family is a command that starts a child which starts another and ignores SIGTERM; all
// hold the output open, and write their process ids to the file.
func family(file string) string {
	return `sh -c 'trap "" TERM; sleep 300 & echo $! >>` + file + `; echo $$ >>` + file + `; wait; sleep 300' &
		echo $$ >>` + file + `; wait`
}

func pids(t *testing.T, file string) []int {
	t.Helper()
	var found []int
	for deadline := time.Now().Add(10 * time.Second); len(found) < 3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command did not start")
		}
		content, _ := os.ReadFile(file)
		found = nil
		for _, field := range strings.Fields(string(content)) {
			pid, _ := strconv.Atoi(field)
			found = append(found, pid)
		}
	}
	return found
}

// running tells whether the process exists and is no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func expectGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		for deadline := time.Now().Add(5 * time.Second); running(pid); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("process %d is left", pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
				break
			}
		}
	}
}

func TestCancelEndsTheProcessGroup(t *testing.T) {
	impatient(t)
	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- run(ctx, family(file), ProcessInputs{}, &ProcessOutputs{}) }()
	started := pids(t, file)
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("got %v", err)
	}
	expectGone(t, started)
}

func TestTimeoutEndsTheProcessGroup(t *testing.T) {
	impatient(t)
	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := run(ctx, family(file), ProcessInputs{}, &ProcessOutputs{})
	if err == nil || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("got %v", err)
	}
	expectGone(t, pids(t, file))
}

func TestCancelLetsACommandCleanUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cleaned")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := run(ctx, `trap 'sleep 0.3; touch `+file+`; exit 0' TERM; sleep 300 & wait`, ProcessInputs{}, &ProcessOutputs{})
	if err == nil || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestBackgroundProcessWithOpenPipesIsNotWaitedFor(t *testing.T) {
	impatient(t)
	start := time.Now()
	var out ProcessOutputs
	if err := run(t.Context(), "sleep 20 & echo $!", ProcessInputs{}, &out); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	pid, _ := strconv.Atoi(out.Stdout)
	if !running(pid) {
		t.Errorf("process %q was ended", out.Stdout)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestGuardEndsWhatIsLeft(t *testing.T) {
	start := func() *exec.Cmd {
		cmd := exec.Command("sleep", "300")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait() }()
		return cmd
	}
	left, released := start().Process.Pid, start().Process.Pid
	Guard(strings.NewReader("+" + strconv.Itoa(left) + "\n+" + strconv.Itoa(released) + "\n-" + strconv.Itoa(released) + "\n"))
	expectGone(t, []int{left})
	if !running(released) {
		t.Error("a released group was ended")
	}
	_ = syscall.Kill(released, syscall.SIGKILL)
}
