package main

import (
	"encoding/json"
	"errors"
	"strings"
)

// request is the part of a chat completion's request that the sample reads; it ignores the rest, as it has no model.
type request struct {
	Model         string    `json:"model"`
	Messages      []message `json:"messages"`
	Stream        bool      `json:"stream"`
	MaxTokens     *int      `json:"max_tokens"`
	MaxCompletion *int      `json:"max_completion_tokens"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// content is a message's text; it comes as a string or as a list of parts.
type content string

// UnmarshalJSON takes both forms. Parts that are not text are left out.
func (c *content) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = content(text)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return errors.New("a message's content is neither a string nor a list of parts")
	}
	for _, part := range parts {
		*c += content(part.Text)
	}
	return nil
}

// defaultTokens is the length of an answer whose request names none.
const defaultTokens = 128

func (r request) limit() (int, error) {
	limit := defaultTokens
	for _, asked := range []*int{r.MaxTokens, r.MaxCompletion} {
		if asked != nil {
			limit = *asked
		}
	}
	if limit < 1 {
		return 0, errors.New("max_tokens must be at least 1")
	}
	return limit, nil
}

// prompt is all messages, and how many tokens they count as: words here.
func (r request) prompt() (text string, tokens int) {
	var b strings.Builder
	for _, m := range r.Messages {
		b.WriteString(string(m.Content))
		b.WriteByte('\n')
	}
	return b.String(), len(strings.Fields(b.String()))
}

// completion is a whole answer, or one chunk of a streamed one.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

type choice struct {
	Index        int     `json:"index"`
	Message      *text   `json:"message,omitempty"`
	Delta        *text   `json:"delta,omitempty"`
	FinishReason *string `json:"finish_reason"`
}

type text struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content,omitempty"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

type apiError struct {
	Error struct {
		Message string `json:"message"`
		Type    string `json:"type"`
	} `json:"error"`
}
