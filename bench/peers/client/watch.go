package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// Pause before the memory of the server is read, and between two changes.
const rest = 400 * time.Millisecond

// Connections that are opened at once: more would overflow a short accept queue.
const batch = 100

type watched struct {
	// KiB of the server before the first connection, and with all watchers.
	RssBefore   int `json:"rssBefore"`
	RssWatching int `json:"rssWatching"`
	// Milliseconds until all watchers have got their first status, and each change.
	Established float64   `json:"establishedMs"`
	Changes     []float64 `json:"changesMs"`
}

// Opens Watch streams, reads the memory of the server, and toggles the status with SIGUSR2 several times: each time, it
// measures the time until all streams have got the change.
func watch(numbers []int) any {
	port, pid, connections, streams, changes := numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
	found := watched{RssBefore: rss(pid)}
	told := 0
	crowd := newCrowd(func(_ *connection, kind, _ byte, payload []byte) {
		// every server sends each message in a frame of its own
		if kind == typeData && len(payload) > 0 {
			told++
		}
	})
	began := time.Now()
	opening := append(preface(), watchCalls(streams)...)
	tell := func(messages int) {
		crowd.until(func() bool { return told == messages }, "what each watcher is told")
	}
	for joined := range connections {
		if joined%batch == 0 {
			tell(joined * streams)
		}
		crowd.join(port, opening)
	}
	tell(connections * streams)
	found.Established = since(began)
	crowd.idle(rest)
	found.RssWatching = rss(pid)
	for change := range changes {
		began := time.Now()
		check(syscall.Kill(pid, syscall.SIGUSR2))
		tell((change + 2) * connections * streams)
		found.Changes = append(found.Changes, since(began))
		crowd.idle(rest)
	}
	return found
}

func watchCalls(streams int) []byte {
	bytes := call(1, firstHeaders("/grpc.health.v1.Health/Watch"))
	for stream := 1; stream < streams; stream++ {
		bytes = append(bytes, call(uint32(2*stream+1), laterHeaders)...)
	}
	return bytes
}

func since(began time.Time) float64 {
	return float64(time.Since(began).Microseconds()) / 1000
}

// Memory of a process in KiB.
func rss(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	check(err)
	var size, resident int
	_, err = fmt.Sscan(string(text), &size, &resident)
	check(err)
	return resident * os.Getpagesize() / 1024
}
