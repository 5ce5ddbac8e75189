package geodata

// column is a list that grows in pieces: millions of entries are appended without copying, and without the garbage that
// copying leaves behind.
type column[T any] struct {
	pieces [][]T
	size   int
}

const (
	pieceBits = 13
	pieceLen  = 1 << pieceBits
)

func (c *column[T]) append(v T) {
	if c.size%pieceLen == 0 {
		c.pieces = append(c.pieces, make([]T, 0, pieceLen))
	}
	last := &c.pieces[c.size/pieceLen]
	*last = append(*last, v)
	c.size++
}

func (c *column[T]) at(i int) T { return c.pieces[i>>pieceBits][i&(pieceLen-1)] }
