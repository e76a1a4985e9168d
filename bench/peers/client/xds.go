package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"
)

const (
	endpointsPath = "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints"
	endpointsURL  = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

	largestFrame = 16384
	firstWindow  = 65535
	// Bytes of the start and of the end of a response that are kept: its version, and its nonce.
	kept = 256
)

type subscribed struct {
	// KiB of the server before the first subscriber, and with all of them.
	RssBefore int `json:"rssBefore"`
	RssAfter  int `json:"rssAfter"`
	// Milliseconds until all subscribers have all assignments.
	Established float64 `json:"establishedMs"`
	// Milliseconds from each change until each subscriber has it, and until all have it.
	Quantiles [3]float64 `json:"quantilesMs"`
	Changes   []float64  `json:"changesMs"`
	// Milliseconds of the server's CPU, for each change.
	CPU float64 `json:"cpuMs"`
}

// A connection with one stream. It reads responses by their ends only, and acknowledges the newest of them.
type subscriber struct {
	head, start, end []byte
	left             int
	ack              []byte
	responses        int
	received         int
	// Bytes that may be sent, on the connection and on the stream.
	windows [2]int
}

// Subscribes to all services, and toggles the state of one instance with SIGUSR2 several times: each time, it measures when
// each subscriber has got the change.
func xds(numbers []int) any {
	port, pid, subscribers, services, changes := numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
	found := subscribed{RssBefore: rss(pid)}
	names := subscription(services)
	all := map[*connection]*subscriber{}
	var changed time.Time
	var times []float64
	crowd := newCrowd(func(from *connection, kind, _ byte, payload []byte) {
		each := all[from]
		if kind == typeHeaders || each == nil {
			return
		}
		if each.take(payload, names) && !changed.IsZero() {
			times = append(times, since(changed))
		}
		each.acknowledge(from)
	})
	crowd.widened = func(from *connection, stream, by uint32) {
		if each := all[from]; each != nil && stream < 2 {
			each.windows[stream] += int(by)
			each.acknowledge(from)
		}
	}
	began := time.Now()
	opening := append(widePreface(), frame(typeHeaders, flagEndHeaders, 1, firstHeaders(endpointsPath))...)
	for range subscribers {
		joined := crowd.join(port, opening)
		each := &subscriber{windows: [2]int{firstWindow, firstWindow}}
		all[joined] = each
		each.ask(joined, append([]byte("\x12\x0f\x0a\x05bench\x32\x06client"), names...))
	}
	// all have the same bytes, and there are no more
	for settled := 0; settled < 20; {
		before := total(all)
		crowd.idle(50 * time.Millisecond)
		if after := total(all); after != before || !areEqual(all) {
			settled, found.Established = 0, since(began)
		} else {
			settled++
		}
		if time.Since(began) > 4*patience {
			check(fmt.Errorf("not all subscribers have all assignments"))
		}
	}
	found.RssAfter = rss(pid)
	cpuBefore := cpu(pid)
	for range changes {
		times = times[:len(times):len(times)]
		already := len(times)
		changed = time.Now()
		check(syscall.Kill(pid, syscall.SIGUSR2))
		crowd.until(func() bool { return len(times) == already+subscribers }, "the change")
		found.Changes = append(found.Changes, since(changed))
		crowd.idle(rest)
	}
	found.CPU = float64(cpu(pid)-cpuBefore) / float64(changes)
	sort.Float64s(times)
	for at, share := range []float64{0.5, 0.99, 1} {
		found.Quantiles[at] = times[min(len(times)-1, int(float64(len(times))*share))]
	}
	return found
}

// The resource_names and the type_url of a DiscoveryRequest: s0, s1 ...
func subscription(services int) []byte {
	var fields []byte
	for service := range services {
		fields = append(fields, text(0x1a, fmt.Sprintf("s%d", service))...)
	}
	return append(fields, text(0x22, endpointsURL)...)
}

func text(tag byte, value string) []byte {
	return append(binary.AppendUvarint([]byte{tag}, uint64(len(value))), value...)
}

// The preface, with room for all responses: this client does not give windows back.
func widePreface() []byte {
	window := binary.BigEndian.AppendUint32([]byte{0, 4}, 1<<30)
	opened := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(typeSettings, 0, 0, window)...)
	return append(opened, frame(typeWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, 1<<30))...)
}

// Whether the bytes end a response.
func (each *subscriber) take(payload, names []byte) (ended bool) {
	each.received += len(payload)
	for len(payload) > 0 {
		if each.left == 0 {
			more := min(5-len(each.head), len(payload))
			each.head, payload = append(each.head, payload[:more]...), payload[more:]
			if len(each.head) < 5 {
				return ended
			}
			each.left = int(binary.BigEndian.Uint32(each.head[1:]))
			each.head, each.start, each.end = each.head[:0], each.start[:0], each.end[:0]
			continue
		}
		part := payload[:min(each.left, len(payload))]
		payload = payload[len(part):]
		each.left -= len(part)
		each.start = append(each.start, part[:min(len(part), kept-len(each.start))]...)
		each.end = append(each.end, part[max(0, len(part)-kept):]...)
		each.end = each.end[max(0, len(each.end)-kept):]
		if each.left == 0 {
			each.responses++
			each.ack = each.acknowledgement(names)
			ended = true
		}
	}
	return ended
}

// The request that acknowledges the last response: it has its version and its nonce.
func (each *subscriber) acknowledgement(names []byte) []byte {
	version := each.start[2 : 2+each.start[1]]
	at := bytes.LastIndex(each.end, []byte(endpointsURL)) + len(endpointsURL)
	nonce := each.end[at+2 : at+2+int(each.end[at+1])]
	return append(append(text(0x0a, string(version)), names...), text(0x2a, string(nonce))...)
}

// Sends the newest acknowledgement, if the windows have room for it.
func (each *subscriber) acknowledge(to *connection) {
	if each.ack == nil || len(each.ack)+5 > min(each.windows[0], each.windows[1]) {
		return
	}
	each.ask(to, each.ack)
	each.ack = nil
}

func (each *subscriber) ask(to *connection, request []byte) {
	message := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request))), request...)
	each.windows[0] -= len(message)
	each.windows[1] -= len(message)
	for len(message) > 0 {
		part := message[:min(largestFrame, len(message))]
		to.send(frame(typeData, 0, 1, part))
		message = message[len(part):]
	}
}

func total(all map[*connection]*subscriber) (sum int) {
	for _, each := range all {
		sum += each.received
	}
	return sum
}

func areEqual(all map[*connection]*subscriber) bool {
	first := -1
	for _, each := range all {
		if each.responses == 0 || (first >= 0 && each.received != first) {
			return false
		}
		first = each.received
	}
	return true
}

// Milliseconds of CPU of a process: the kernel counts in hundredths of a second.
func cpu(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	var user, system int
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	check(err)
	return (user + system) * 10
}
