package operator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parser walks over a YAML document by hand, which gives every problem its line, and collects them.
type parser struct{ problems []error }

// keys are the keys that a mapping may have, and what reads the value of each.
type keys map[string]func(*yaml.Node)

// maxProblems bounds an error: who made a mistake in a thousand lines made it once.
const maxProblems = 20

func (p *parser) err() error {
	if n := len(p.problems); n > maxProblems {
		p.problems = append(p.problems[:maxProblems], fmt.Errorf("and %d more", n-maxProblems))
	}
	return errors.Join(p.problems...)
}

// documentOf is the only document of a file.
func documentOf(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var file, extra yaml.Node
	if err := decoder.Decode(&file); errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	} else if err != nil {
		return nil, readable(err)
	}
	if err := decoder.Decode(&extra); err == nil {
		return nil, fmt.Errorf("line %d: a second YAML document: keep one", extra.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, readable(err)
	}
	return file.Content[0], nil
}

// readable takes the YAML library's name out of its message, and adds the first line, which it leaves out.
func readable(err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if !strings.HasPrefix(message, "line ") {
		message = "line 1: " + message
	}
	return errors.New(message)
}

// mapping reads a mapping with the given keys and no others.
func (p *parser) mapping(n *yaml.Node, known keys) {
	p.entries(n, func(key, value *yaml.Node) {
		if read, ok := known[key.Value]; ok {
			read(value)
			return
		}
		p.fail(key, "unknown key %q: want %s", key.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	})
}

// entries reads a mapping whose keys stand once each.
func (p *parser) entries(n *yaml.Node, read func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, "want keys and values here")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			p.fail(key, "key %q stands on line %d already", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		read(key, value)
	}
}

func (p *parser) sequence(n *yaml.Node, read func(item *yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // a key with nothing behind it
	}
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "want a list here, each item behind a dash")
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

// text is a plain value, as it is written; "" after a failure.
func (p *parser) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		p.fail(n, "want one value here")
		return ""
	}
	if n.Value == "" {
		p.fail(n, "want a value here")
	}
	return n.Value
}
