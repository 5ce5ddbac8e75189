package load

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DigestPath is where the digest of a file lies, if somewhere: beside it, hidden from patterns such as folder/*. It is a
// line as sha256sum prints it. A MaxMind DB, an ip2region file and a list carry no checksum of their own, so that a bit
// that flips on disk may only move some networks.
func DigestPath(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".sha256")
}

// DigestLine is what belongs there.
func DigestLine(path string) (string, error) {
	sum, err := digestOf(path)
	return fmt.Sprintf("%s  %s\n", sum, filepath.Base(path)), err
}

// checkDigest holds a file against its digest, if there is one.
func checkDigest(path string) error {
	line, err := os.ReadFile(DigestPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	want, _, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	sum, err := digestOf(path)
	if err != nil {
		return err
	}
	if sum != want {
		return fmt.Errorf("it is not the file whose digest %s has: it is damaged, or was replaced by hand; then remove that one",
			filepath.Base(DigestPath(path)))
	}
	return nil
}

func digestOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
