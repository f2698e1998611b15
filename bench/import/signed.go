package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"ostiary/bench/process"
	"ostiary/internal/doors/client"
)

const (
	signedKeys = 69_000 // of a container of 45 MB
	signedRuns = 4      // dry runs at once
)

// signed measures dry runs of a signed container, all at once: a signature needs the
// whole file in memory.
func signed(program, dir string) error {
	file, cert := filepath.Join(dir, "signed.pskc"), filepath.Join(dir, "signer.pem")
	if err := writeSigned(file, cert); err != nil {
		return err
	}
	s, err := process.Start(program, filepath.Join(dir, "signed"))
	if err != nil {
		return err
	}
	start := time.Now()
	done := make(chan error, signedRuns)
	for range signedRuns {
		go func() {
			err := dryRun(s, file, cert)
			for busy(err) { // one that is told to come again does
				err = dryRun(s, file, cert)
			}
			done <- err
		}()
	}
	for range signedRuns {
		err = errors.Join(err, <-done)
	}
	took := time.Since(start).Seconds()
	peak, serr := s.Stop()
	if err = errors.Join(err, serr); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d dry runs at once of a signed container of %.0f MB\n", signedRuns, float64(info.Size())/1e6)
	fmt.Printf("  in all                  %6.1f s\n", took)
	fmt.Printf("  server's peak memory    %6d MiB  target: below 512\n", peak/1024)
	return nil
}

func busy(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Code == "imports_busy"
}

func dryRun(s *process.Server, path, cert string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	signer, err := os.ReadFile(cert)
	if err != nil {
		return err
	}
	rep, err := s.Local().Import(context.Background(), client.Upload{File: f, Name: "signed.pskc",
		KeyHex: fmt.Appendf(nil, "%x", fileKey), Signers: signer, DryRun: true})
	if err == nil && rep.Imported != signedKeys {
		err = fmt.Errorf("%d of %d keys would be imported", rep.Imported, signedKeys)
	}
	return err
}

// writeSigned signs a container as programs of manufacturers do, in the inclusive
// canonical form, which costs the most to verify.
func writeSigned(path, cert string) error {
	if err := writeFile(path, signedKeys, true); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Benchmark"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromFile(path); err != nil {
		return err
	}
	with, err := dsig.NewSigningContext(key, [][]byte{der})
	if err != nil {
		return err
	}
	root, err := with.SignEnveloped(doc.Root())
	if err != nil {
		return err
	}
	doc.SetRoot(root)
	return errors.Join(doc.WriteToFile(path),
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}
