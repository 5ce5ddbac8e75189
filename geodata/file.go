package geodata

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The file: a head, a body, a checksum. Numbers in the head are big-endian.
//
//	8 bytes   magic "tidegeo" and the format's version
//	4 bytes   size of the payload
//	4 bytes   size of the body
//	n bytes   body: the payload as one zstd frame
//	32 bytes  SHA-256 of everything above
//
// payload.go has the layout of the payload.
const (
	magic     = "tidegeo"
	version   = 2
	headBytes = len(magic) + 1 + 4 + 4
)

// Limits that keep a hostile file from asking for memory: of the payload, and of what a byte of body may become. The
// embedded table has 17 MB and a ratio of 3.
const (
	maxPayloadBytes = 64 << 20
	maxRatio        = 256
	// slackBytes lets a tiny payload be as repetitive as it likes.
	slackBytes = 64 << 10
)

// ErrTable is the reason for every file that Decode refuses.
var ErrTable = errors.New("not a geo table")

// Encode writes the table to w. Equal tables give equal bytes under one version of the compressor.
func (t *Table) Encode(w io.Writer) error {
	payload := t.payload()
	if len(payload) > maxPayloadBytes {
		return fmt.Errorf("encode geo table: %d bytes, a table holds at most %d; use a wider grid", len(payload), maxPayloadBytes)
	}
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return fmt.Errorf("encode geo table: %w", err)
	}
	defer compressor.Close()
	if _, err := w.Write(seal(len(payload), compressor.EncodeAll(payload, nil))); err != nil {
		return fmt.Errorf("encode geo table: %w", err)
	}
	return nil
}

// seal puts head and checksum around a body.
func seal(payloadBytes int, body []byte) []byte {
	file := make([]byte, 0, headBytes+len(body)+sha256.Size)
	file = append(file, magic...)
	file = append(file, version)
	file = binary.BigEndian.AppendUint32(file, uint32(payloadBytes))
	file = binary.BigEndian.AppendUint32(file, uint32(len(body)))
	file = append(file, body...)
	sum := sha256.Sum256(file)
	return append(file, sum[:]...)
}

// Decode reads what Encode wrote. It trusts nothing in file, refuses any change to it, and keeps no reference to it.
func Decode(file []byte) (*Table, error) {
	payload, err := open(file)
	if err != nil {
		return nil, err
	}
	return decodePayload(payload)
}

// open checks head and checksum and unpacks the payload.
func open(file []byte) ([]byte, error) {
	if len(file) < headBytes+sha256.Size || string(file[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: %d bytes without the mark %q; was the right file given?", ErrTable, len(file), magic)
	}
	if v := file[len(magic)]; v != version {
		return nil, fmt.Errorf("%w: format %d, this program reads %d; make the table with the same release", ErrTable, v, version)
	}
	sizes := file[len(magic)+1 : headBytes]
	payloadBytes, bodyBytes := uint64(binary.BigEndian.Uint32(sizes)), uint64(binary.BigEndian.Uint32(sizes[4:]))
	if want := uint64(headBytes+sha256.Size) + bodyBytes; want != uint64(len(file)) {
		return nil, fmt.Errorf("%w: %d bytes, its head says %d; the copy was cut short, fetch it again", ErrTable, len(file), want)
	}
	end := len(file) - sha256.Size
	if sum := sha256.Sum256(file[:end]); !bytes.Equal(sum[:], file[end:]) {
		return nil, fmt.Errorf("%w: its checksum is wrong; the file is damaged, fetch it again", ErrTable)
	}
	if limit := min(maxPayloadBytes, slackBytes+maxRatio*bodyBytes); payloadBytes > limit {
		return nil, fmt.Errorf("%w: it claims %d bytes of content, at most %d are taken", ErrTable, payloadBytes, limit)
	}
	return unpack(file[headBytes:end], int(payloadBytes))
}

func unpack(body []byte, payloadBytes int) ([]byte, error) {
	unpacker, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(maxPayloadBytes))
	if err != nil {
		return nil, fmt.Errorf("decode geo table: %w", err)
	}
	defer unpacker.Close()
	payload, err := unpacker.DecodeAll(body, make([]byte, 0, payloadBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: unpack: %w", ErrTable, err)
	}
	if len(payload) != payloadBytes {
		return nil, fmt.Errorf("%w: %d bytes of content, its head says %d", ErrTable, len(payload), payloadBytes)
	}
	return payload, nil
}
