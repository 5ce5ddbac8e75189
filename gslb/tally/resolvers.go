package tally

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
)

// Resolvers counts for how long the answers live that go to single resolvers, by service, endpoint and demand class: those
// to resolvers that send no client subnet. It is a table of one fixed size, 1.6 MB, for all services of a name server,
// since anybody may invent addresses. What is heavy is counted exactly, what is light may be missing.
//
// The endpoint is a part of the key: a resolver has a cell for each endpoint that it is sent to, in buckets that have
// nothing to do with each other. Most are sent to one endpoint; only a heavy one is sent to all that its class goes to, at
// most eight, and has answers enough to hold as many cells.
//
// A key has a bucket of eight cells, as in HeavyGuardian (Yang et al., KDD 2018, doi 10.1145/3219819.3219978; with one cell
// it is HeavyKeeper, Gong et al., USENIX ATC 2018): a stranger takes an answer from the weakest cell, with a probability
// that falls with the cell's strength, and has the cell once that has none left. A million addresses that come once each
// fight for the weakest cell of every bucket, and the others are never touched.
//
// The table is cut into its buckets and nothing else, so that two cores meet only where they answer the same resolver, or
// ones of the same bucket. Any number of goroutines may add; Take is for one.
type Resolvers struct {
	seed    uint64
	shift   uint          // of a mark, to its bucket
	last    atomic.Uint32 // number of a service
	buckets []bucket
	misses  []atomic.Uint64 // by bucket: it makes the random numbers differ from each other
}

// The size of the table: 32,768 cells.
const (
	bucketBits  = 12
	bucketCells = 8
)

// bucket is six cache lines, of which an answer to a known resolver reads one and writes another.
type bucket struct {
	mark [bucketCells]atomic.Uint64 // of its key; free if nobody has the cell
	// count has the answers since the last Take above secondsBits, and the seconds that they live below.
	count [bucketCells]atomic.Uint64
	// strength is that of the answers before the last Take.
	strength        [bucketCells]atomic.Int64
	high, low, what [bucketCells]atomic.Uint64
}

const (
	free        = 0
	secondsBits = 40
	oneAnswer   = 1 << secondsBits
)

// An answer is worth this much strength, and with every Take a cell loses one part in as many of what it has: what a
// resolver did is half forgotten after two minutes of reports every 10 s. One that asks every 30 s stays stronger than one
// that asked once.
const (
	answerStrength = 16
	agedBy         = 16
)

// key is what is counted for.
type key struct {
	high, low uint64 // the address in its IPv6 form
	what      uint64 // the service's number, then 16 bits each of the class and of the endpoint
}

// NewResolvers makes an empty table. The seed should be secret: who knows it can choose addresses of one bucket.
func NewResolvers(seed uint64) *Resolvers { return newResolvers(seed, bucketBits) }

func newResolvers(seed uint64, bits uint) *Resolvers {
	return &Resolvers{seed: seed, shift: 64 - bits, buckets: make([]bucket, 1<<bits), misses: make([]atomic.Uint64, 1<<bits)}
}

func keyOf(resolver netip.Addr, service uint32, class, endpoint int) key {
	octets := resolver.As16()
	return key{
		high: binary.BigEndian.Uint64(octets[:8]), low: binary.BigEndian.Uint64(octets[8:]),
		what: uint64(service)<<32 | uint64(uint16(class))<<16 | uint64(uint16(endpoint)),
	}
}

func (k key) service() uint32 { return uint32(k.what >> 32) }
func (k key) class() int      { return int(uint16(k.what >> 16)) }
func (k key) endpoint() int   { return int(uint16(k.what)) }

func (k key) resolver() netip.Addr {
	var octets [16]byte
	binary.BigEndian.PutUint64(octets[:8], k.high)
	binary.BigEndian.PutUint64(octets[8:], k.low)
	return netip.AddrFrom16(octets).Unmap()
}

// mark tells keys apart: 64 bits, so that two with one mark are as unlikely as a wrong bit in memory.
func (r *Resolvers) mark(k key) uint64 {
	return max(1, mix(mix(mix(r.seed^k.high)^k.low)^k.what))
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *Resolvers) add(k key, seconds int64) {
	mark := r.mark(k)
	at := mark >> r.shift
	b := &r.buckets[at]
	for i := range b.mark {
		if b.mark[i].Load() == mark {
			b.count[i].Add(oneAnswer + uint64(seconds))
			return
		}
	}
	random := mix(mark + r.misses[at].Add(1))
	if i, won := b.fight(random); won {
		b.give(i, k, mark, seconds)
	}
}

// fight says which cell a stranger meets, and whether it is the stranger's now. Equally weak ones are met alike, since the
// search begins anywhere: one that is met seldom has time to become stronger.
func (b *bucket) fight(random uint64) (cell int, won bool) {
	least := int64(0)
	for k := range bucketCells {
		i := (k + int(random%bucketCells)) % bucketCells
		if b.mark[i].Load() == free {
			return i, true
		}
		if s := b.strengthOf(i); k == 0 || s < least {
			cell, least = i, s
		}
	}
	if answers := max(0, least/answerStrength); answers >= int64(len(decay)) || random>>32 >= decay[answers] {
		return cell, false
	}
	b.strength[cell].Add(-answerStrength)
	return cell, least <= answerStrength
}

// strengthOf is below zero only for a moment, where several strangers take from a cell at once.
func (b *bucket) strengthOf(cell int) int64 {
	return b.strength[cell].Load() + int64(b.count[cell].Load()>>secondsBits)*answerStrength
}

// give gives a cell to a key. Where another key was faster, this answer is not counted; where two write at once, Take finds
// that key and mark disagree.
func (b *bucket) give(cell int, k key, mark uint64, seconds int64) {
	before := b.mark[cell].Load()
	if !b.mark[cell].CompareAndSwap(before, mark) {
		return
	}
	b.high[cell].Store(k.high)
	b.low[cell].Store(k.low)
	b.what[cell].Store(k.what)
	b.strength[cell].Store(0)
	b.count[cell].Store(oneAnswer + uint64(seconds))
}

// decay is with which probability a stranger takes an answer from a cell that has some: 1.08 to the power of minus as many,
// in parts of 2^32.
var decay = func() (table [256]uint64) {
	p := uint64(1) << 32
	for i := range table {
		table[i] = p
		p = p * 25 / 27
	}
	return table
}()

// Take gives what was added since the last Take to count, and begins anew. One key may come more than once. What count
// says is of no service any more is forgotten.
func (r *Resolvers) Take(count func(service uint32, class, endpoint int, resolver netip.Addr, seconds int64) (known bool)) {
	if r == nil {
		return
	}
	for at := range r.buckets {
		b := &r.buckets[at]
		for i := range bucketCells {
			mark := b.mark[i].Load()
			if mark == free {
				continue
			}
			seconds, idle := b.take(i)
			k := key{b.high[i].Load(), b.low[i].Load(), b.what[i].Load()}
			if seconds == 0 && !idle {
				continue
			}
			if idle || r.mark(k) != mark || !count(k.service(), k.class(), k.endpoint(), k.resolver(), seconds) {
				b.mark[i].CompareAndSwap(mark, free)
			}
		}
	}
}

// take takes the seconds of a cell, and ages it. Idle is one that has not been asked and has no strength left.
func (b *bucket) take(cell int) (seconds int64, idle bool) {
	count := b.count[cell].Swap(0)
	strength := max(0, b.strength[cell].Load()+int64(count>>secondsBits)*answerStrength)
	strength -= (strength + agedBy - 1) / agedBy
	b.strength[cell].Store(strength)
	return int64(count & (oneAnswer - 1)), count == 0 && strength == 0
}
