package hub

// StatusOf is statusOf for the tests in memory.
var StatusOf = statusOf
