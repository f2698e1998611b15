package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"

	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/program/serve"
)

// empty decides nothing.
type empty struct{ *codes.Engine }

func (empty) Verify(context.Context, codes.Request) (bool, error) { return true, nil }

// bare is the least that a server on net/http can do: it reads the same JSON, and writes
// the same, with package encoding/json.
func bare(w http.ResponseWriter, r *http.Request) {
	var in wire.VerifyRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(wire.VerifyResponse{Valid: in.OTP != ""})
}

// runServer serves two APIs over one set of parts, and the bare handler; it prints their
// addresses and an API key, and ends on an interrupt. It imports tokens first, if any.
func runServer(data, database string, tokens int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := serve.Open(ctx, serve.Config{Data: data, Database: database, NoStandby: true, Version: "bench"})
	if err != nil {
		return err
	}
	defer s.Close()
	real, err := s.API(s.Engine())
	if err != nil {
		return err
	}
	nothing, err := s.API(empty{s.Engine()})
	if err != nil {
		return err
	}
	local := real.Local(func(*http.Request) string { return "bench" })
	if tokens > 0 {
		if err := importTokens(local, tokens); err != nil {
			return err
		}
	}
	key, err := createKey(local)
	if err != nil {
		return err
	}
	var addresses []string
	for _, h := range []http.Handler{real, nothing, http.HandlerFunc(bare)} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses = append(addresses, l.Addr().String())
		go func() { _ = (&http.Server{Handler: h}).Serve(l) }()
	}
	if f := os.Getenv("OSTIARY_BENCH_PROFILE"); f != "" {
		out, err := os.Create(f)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println(strings.Join(addresses, " "), key)
	<-ctx.Done()
	return nil
}

func createKey(h http.Handler) (string, error) {
	body := strings.NewReader(fmt.Sprintf(`{"name":"bench-%d","role":"verifier"}`, os.Getpid()))
	req := httptest.NewRequest(http.MethodPost, "/api/v1/keys", body)
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	var key wire.NewKey
	if err := json.Unmarshal(rec.Body.Bytes(), &key); err != nil || key.Text == "" {
		return "", fmt.Errorf("create key: %s", rec.Body)
	}
	return key.Text, nil
}

// importTokens imports a plain PSKC file that is written as it is read.
func importTokens(h http.Handler, n int) error {
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	go func() {
		file, err := form.CreateFormFile("file", "bench.pskc")
		if err == nil {
			err = writeSeeds(file, n)
		}
		if err == nil {
			err = form.Close()
		}
		pw.CloseWithError(err)
	}()
	req := httptest.NewRequest(http.MethodPost, "/api/v1/imports", pr)
	req.Header.Set("Content-Type", form.FormDataContentType())
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	var report wire.ImportReport
	if err := json.Unmarshal(rec.Body.Bytes(), &report); err != nil || report.Imported != n {
		return fmt.Errorf("import: %.300s", rec.Body)
	}
	return nil
}

func writeSeeds(w io.Writer, n int) error {
	buf := bytes.NewBufferString(`<?xml version="1.0"?><KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`)
	for i := range n {
		fmt.Fprintf(buf, `<KeyPackage><DeviceInfo><Manufacturer>BENCH</Manufacturer><SerialNo>%s</SerialNo></DeviceInfo><Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters><Data><Secret><PlainValue>%s</PlainValue></Secret></Data></Key></KeyPackage>`+"\n",
			serial(i), base64.StdEncoding.EncodeToString(seed(i)))
		if _, err := buf.WriteTo(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "</KeyContainer>")
	return err
}

func serial(i int) string { return fmt.Sprintf("%09d", 100_000_000+i) }

// seed is the secret of token i; the benchmark's client knows it, too.
func seed(i int) []byte {
	s := []byte("ostiary benchmark!!!")
	binary.BigEndian.PutUint32(s, uint32(i))
	return s
}
