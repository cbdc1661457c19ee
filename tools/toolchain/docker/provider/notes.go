package provider

import (
	"encoding/base64"
	"os"
	"strings"
	"sync"
)

// A file that has grown beyond this, thousands of answers, is begun anew.
const notesBytes = 4 << 20

// notes are answers in a file, a line each: the answer, and a hash of the question. Neither shows what was asked about.
type notes struct {
	// nil where it can't be written. Each line is one write to its end, so that plugins that run side by side share the file.
	file  *os.File
	known map[question][]byte
	mutex sync.Mutex
}

// readNotes reads what `author` has written into a file; what another has is forgotten.
func readNotes(path, author string) *notes {
	n := &notes{known: map[question][]byte{}}
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	title := author + "\n"
	text, err := os.ReadFile(path)
	lines, own := strings.CutPrefix(string(text), title)
	if err != nil || !own || len(text) > notesBytes {
		lines = ""
		mode |= os.O_TRUNC
	}
	n.file, err = os.OpenFile(path, mode, 0o600)
	if err != nil {
		n.file = nil
		return n
	}
	if mode&os.O_TRUNC != 0 {
		n.write(title)
	}
	for line := range strings.Lines(lines) {
		if asked, answer, ok := parseNote(line); ok {
			n.known[asked] = answer
		}
	}
	return n
}

func (n *notes) find(asked question) (answer []byte, ok bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	answer, ok = n.known[asked]
	return answer, ok
}

func (n *notes) add(asked question, answer []byte) {
	n.mutex.Lock()
	n.known[asked] = answer
	n.mutex.Unlock()
	encode := base64.StdEncoding.EncodeToString
	n.write(encode(answer) + " " + encode(asked[:]) + "\n")
}

// write appends a line. What can't be noted will be asked again.
func (n *notes) write(line string) {
	if n.file != nil {
		_, _ = n.file.WriteString(line)
	}
}

// parseNote tells whether a line is whole: the disk may have been full.
func parseNote(line string) (asked question, answer []byte, ok bool) {
	first, second, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	answer, err := base64.StdEncoding.DecodeString(first)
	if err != nil {
		return asked, nil, false
	}
	hash, err := base64.StdEncoding.DecodeString(second)
	if err != nil || len(hash) != len(asked) {
		return asked, nil, false
	}
	return question(hash), answer, true
}
