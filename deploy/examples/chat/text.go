package main

import (
	"hash/fnv"
	"strings"
)

// corpus is what the text is woven from.
const corpus = `the tide comes in and the gate opens and the water finds the harbour that has room .
a gate does not ask the sea why it rises ; it reads the mark on the wall and turns the wheel .
when one harbour is full the pilot takes the next one , and no ship waits at a closed gate .
near water is better than far water , and water that moves is better than water that stands .
the keeper writes down every level , so that tomorrow anyone can see why the gate was open .
if the keeper falls asleep the gate stays as it was , for the sea is patient with things that stay .
two harbours share a storm and neither drowns , because each says how much it can still take .`

// successors are the words that follow a word in the corpus, in order.
var successors = weave(strings.Fields(corpus))

func weave(words []string) map[string][]string {
	follow := map[string][]string{}
	for i, word := range words {
		next := words[(i+1)%len(words)]
		follow[word] = append(follow[word], next)
	}
	return follow
}

// write answers a prompt with at most limit words: first where it was answered, then a walk through the corpus that the
// prompt decides. It says whether it was cut short.
func write(prompt, site string, limit int) (words []string, cut bool) {
	if site == "" {
		site = "an unnamed site"
	}
	words = strings.Fields("Answered at " + site + " by a sample without a model:")
	word, state := "the", seed(prompt)
	for range 24 {
		words = append(words, word)
		state = state*6364136223846793005 + 1442695040888963407 // Knuth's MMIX generator
		choices := successors[word]
		word = choices[(state>>33)%uint64(len(choices))]
	}
	words = append(words, "...")
	if len(words) > limit {
		return words[:limit], true
	}
	return words, false
}

func seed(prompt string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(prompt)) // never fails
	return hash.Sum64()
}
