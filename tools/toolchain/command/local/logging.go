package local

import (
	"bytes"
	"strings"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Logging says which streams of a command are shown while it runs.
type Logging string

// The values of Logging.
const (
	LogStdout          Logging = "stdout"
	LogStderr          Logging = "stderr"
	LogStdoutAndStderr Logging = "stdoutAndStderr"
	NoLogging          Logging = "none"
)

// Values lists the values for the schema.
func (Logging) Values() []infer.EnumValue[Logging] {
	value := func(v Logging, description string) infer.EnumValue[Logging] {
		return infer.EnumValue[Logging]{Name: string(v), Value: v, Description: description}
	}
	return []infer.EnumValue[Logging]{
		value(LogStdout, "Show stdout only"),
		value(LogStderr, "Show stderr only"),
		value(LogStdoutAndStderr, "Show stdout and stderr"),
		value(NoLogging, "Show nothing"),
	}
}

func (l *Logging) stdout() bool { return l == nil || *l == LogStdout || *l == LogStdoutAndStderr }
func (l *Logging) stderr() bool { return l == nil || *l == LogStderr || *l == LogStdoutAndStderr }

// maxLine is the most that is held back while waiting for the end of a line, and the
// longest message that is sent to Pulumi.
const maxLine = 32 << 10

// lineWriter hands on what is written to it line by line; longer lines in pieces.
type lineWriter struct {
	emit    func(line string)
	pending []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.pending = append(w.pending, p...)
	for {
		end := bytes.IndexByte(w.pending, '\n')
		switch {
		case end >= 0 && end <= maxLine:
			w.emit(text(bytes.TrimSuffix(w.pending[:end], []byte("\r"))))
			w.pending = w.pending[end+1:]
		case len(w.pending) > maxLine:
			w.emit(text(w.pending[:maxLine]))
			w.pending = w.pending[maxLine:]
		default:
			w.pending = bytes.Clone(w.pending)
			return len(p), nil
		}
	}
}

// flush hands on a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.pending) > 0 {
		w.emit(text(w.pending))
		w.pending = nil
	}
}

// text is what a command wrote, as a string that gRPC can carry.
func text(b []byte) string {
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
