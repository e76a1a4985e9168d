// The servers of grpc-go's test/healthcheck_test.go, replaced by healthbridge: each is a child process that is driven over its
// standard input (adapter.js). test/interop/peer-suites/grpc-go.ts puts this file beside grpc-go's own.
package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/testdata"
)

// adapter is the child process. It ends with its standard input, thus with this program.
type adapter struct {
	mu      sync.Mutex
	stdin   io.WriteCloser
	replies *bufio.Reader
}

var startAdapter = sync.OnceValue(func() *adapter {
	process := exec.Command(os.Getenv("HEALTHBRIDGE_NODE"), os.Getenv("HEALTHBRIDGE_ADAPTER"))
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		panic(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := process.Start(); err != nil {
		panic(err)
	}
	return &adapter{stdin: stdin, replies: bufio.NewReader(stdout)}
})

// command writes a line and returns what follows the word ok in the reply.
func (a *adapter) command(t *testing.T, words ...string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	text := strings.Join(words, " ")
	fmt.Fprintln(a.stdin, text)
	line, err := a.replies.ReadString('\n')
	rest, ok := strings.CutPrefix(line, "ok")
	if err != nil || !ok {
		t.Errorf("the adapter answered %q with %q, %v", text, line, err)
	}
	return strings.TrimSpace(rest)
}

// mode is the way in which healthbridge serves in this run.
var mode = os.Getenv("HEALTHBRIDGE_MODE")

// ours has the methods of a grpc.Server, a net.Listener and a health server that grpc-go's tests call.
type ours struct {
	t       *testing.T
	adapter *adapter
	address *net.TCPAddr
}

func startOurs(t *testing.T, mode string, args ...string) *ours {
	t.Helper()
	adapter := startAdapter()
	port := adapter.command(t, append([]string{"open", mode}, args...)...)
	address, err := net.ResolveTCPAddr("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	return &ours{t: t, adapter: adapter, address: address}
}

func (o *ours) command(words ...string) { o.adapter.command(o.t, words...) }

// SetServingStatus has no SERVICE_UNKNOWN with us: a service is unknown when it is cleared.
func (o *ours) SetServingStatus(service string, status healthpb.HealthCheckResponse_ServingStatus) {
	if status == healthpb.HealthCheckResponse_SERVICE_UNKNOWN {
		o.command("clear", service)
		return
	}
	o.command("set", service, status.String())
}

// ShutDownHealth ends the health service only: each Watch of it ends with UNAVAILABLE.
func (o *ours) ShutDownHealth() { o.command("end") }

// Addr is the address of the server.
func (o *ours) Addr() net.Addr { return o.address }

// Stop ends the server, and its connections.
func (o *ours) Stop() {
	o.command("end")
	o.command("stop")
}

// GracefulStop is called of an application only: its open calls go on.
func (o *ours) GracefulStop() {
	o.command("goaway")
}

// setupServer stands for the function of this name, which is renamed. No watchFunc is obeyed: our Watch answers at once.
func setupServer(t *testing.T, _ healthWatchFunc) (*ours, *ours, *ours) {
	o := startOurs(t, mode)
	return o, o, o
}

// startOurs stands for startServer; initial statuses are written NAME=STATUS.
func (te *test) startOurs(initial ...string) {
	var args []string
	if te.e.security == "tls" {
		args = []string{testdata.Path("x509/server1_cert.pem"), testdata.Path("x509/server1_key.pem")}
	}
	o := startOurs(te.t, mode, append(args, initial...)...)
	te.srv, te.srvAddr = o, o.address.String()
}

// setOurs stands for setHealthServingStatus.
func (te *test) setOurs(service string, status healthpb.HealthCheckResponse_ServingStatus) {
	te.srv.(*ours).SetServingStatus(service, status)
}
