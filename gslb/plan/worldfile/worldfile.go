// Package worldfile reads the world from a YAML file: the mode without Kubernetes.
//
// Parse returns a valid plan.Map or an error that names every wrong line and what is wanted there. It is pure; the name
// server's file watcher and the CLI call it, and give it a function that reads the zone files that the world names.
package worldfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"tidegate.dev/tidegate/gslb/plan"
)

// MaxBytes bounds a world file.
const MaxBytes = 64 << 20

// Parse reads a world file. ReadFile reads a zone file by the path that the world gives.
func Parse(data []byte, readFile func(path string) ([]byte, error)) (*plan.Map, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the file has %d bytes, the limit is %d", len(data), MaxBytes)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, readable(err)
	}
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, readable(err)
	}
	var extra yaml.Node
	if err := decoder.Decode(&extra); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file has more than one YAML document: keep one")
	}
	m, err := f.world(readFile)
	if err != nil {
		return nil, withLines(&root, err)
	}
	if err := m.Validate(); err != nil {
		return nil, withLines(&root, err)
	}
	if _, at := childOf(documentOf(&root), "services"); at == 0 {
		// A file that was cut off must not empty every name.
		return nil, errors.New("services: missing: a world without any is written services: []")
	}
	m.Canonical()
	return m, nil
}

var (
	unknownField = regexp.MustCompile(`(?s)field (.*) not found in type worldfile\.(\S+)`)
	wrongType    = regexp.MustCompile("(?s)cannot unmarshal .*?( `.*`)? into \\S+$")
)

// readable takes the Go types out of the YAML library's messages.
func readable(err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		message := strings.TrimPrefix(err.Error(), "yaml: ")
		if !strings.HasPrefix(message, "line ") {
			message = "line 1: " + message // the library leaves the first line out
		}
		return errors.New(message)
	}
	var list []error
	for _, message := range typed.Errors {
		message = unknownField.ReplaceAllString(message, `unknown key "$1" in $2`)
		message = wrongType.ReplaceAllString(message, "a value$1 of this kind does not fit here")
		list = append(list, errors.New(message))
	}
	return errors.Join(list...)
}

// withLines puts the line in front of every problem.
func withLines(root *yaml.Node, err error) error {
	var list []error
	for _, problem := range plan.Problems(err) {
		list = append(list, fmt.Errorf("line %d: %w", lineOf(root, problem.Path), problem))
	}
	if list == nil {
		return err
	}
	return errors.Join(list...)
}

var pathStep = regexp.MustCompile(`[^.\[\]]+`)

// documentOf is the document's own node, below the file's.
func documentOf(root *yaml.Node) *yaml.Node {
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		return root.Content[0]
	}
	return root
}

// lineOf walks a path such as services[3].ttl as far as the file has it.
func lineOf(root *yaml.Node, path string) int {
	node := documentOf(root)
	line := max(node.Line, 1)
	for _, step := range pathStep.FindAllString(path, -1) {
		child, at := childOf(node, step)
		if child == nil {
			break
		}
		node, line = child, at
	}
	return line
}

func childOf(node *yaml.Node, step string) (child *yaml.Node, line int) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			switch key := node.Content[i]; {
			case key.Value == step:
				return node.Content[i+1], key.Line
			case key.Value == "address" && step == "addresses": // the short form: the endpoint is its only address
				return &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{node}}, key.Line
			}
		}
	case yaml.SequenceNode:
		var index int
		if _, err := fmt.Sscanf(step, "%d", &index); err == nil && index < len(node.Content) {
			return node.Content[index], node.Content[index].Line
		}
	}
	return nil, 0
}
