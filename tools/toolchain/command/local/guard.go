package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// GuardArg is the argument with which the plugin starts itself as its own guard.
const GuardArg = "guard"

// endGroups ends process groups: SIGTERM, and SIGKILL for what is left after the grace. It
// returns as soon as nothing is left.
func endGroups(groups []int, grace time.Duration) {
	for _, group := range groups {
		_ = syscall.Kill(-group, syscall.SIGTERM)
	}
	for deadline := time.Now().Add(grace); anyAlive(groups); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, group := range groups {
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
			return
		}
	}
}

func anyAlive(groups []int) bool {
	for _, group := range groups {
		if syscall.Kill(-group, 0) == nil {
			return true
		}
	}
	return false
}

// Guard reads +PGID and -PGID lines until its input ends, which it does when the plugin
// dies, however it dies, and then ends the process groups that are left.
func Guard(input io.Reader) {
	groups := map[int]bool{}
	for lines := bufio.NewScanner(input); lines.Scan(); {
		group, err := strconv.Atoi(lines.Text())
		switch {
		case err != nil:
		case group > 0:
			groups[group] = true
		default:
			delete(groups, -group)
		}
	}
	left := make([]int, 0, len(groups))
	for group := range groups {
		left = append(left, group)
	}
	endGroups(left, termGrace)
}

var guard struct {
	sync.Mutex
	started bool
	input   io.Writer
}

// guardGroup has the process group ended should the plugin die before the function
// returned is called. Without a guard commands run all the same.
func guardGroup(group int) (release func()) {
	tellGuard(group)
	return func() { tellGuard(-group) }
}

func tellGuard(group int) {
	guard.Lock()
	defer guard.Unlock()
	if !guard.started {
		guard.started = true
		guard.input = startGuard()
	}
	if guard.input != nil {
		_, _ = fmt.Fprintf(guard.input, "%+d\n", group)
	}
}

func startGuard() io.Writer {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	cmd := exec.Command(self, GuardArg)
	cmd.Dir = "/"
	// Out of reach of whatever ends the plugin.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	input, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	go func() { _ = cmd.Wait() }()
	return input
}
