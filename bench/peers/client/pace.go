package main

import (
	"slices"
	"time"
)

type paced struct {
	Rate float64 `json:"rate"`
	// Microseconds from the due time of a Check to its last byte.
	P50 float64 `json:"p50Us"`
	P99 float64 `json:"p99Us"`
	Max float64 `json:"maxUs"`
}

// Checks at a constant rate, one at a time on each connection. The time counts from the due time of a Check, also when
// no connection is free: a blocked server does not get fewer Checks, so its latency includes the block.
func pace(numbers []int) any {
	port, connections, rate, milliseconds := numbers[0], numbers[1], numbers[2], numbers[3]
	var free []*connection
	var took []time.Duration
	crowd := newCrowd(func(from *connection, _, flags byte, _ []byte) {
		if flags&flagEndStream != 0 {
			took = append(took, time.Since(from.dueAt))
			free = append(free, from)
		}
	})
	for range connections {
		// the first Check of a connection fills its header table, and is not counted
		joined := crowd.join(port, append(preface(), call(1, firstHeaders("/grpc.health.v1.Health/Check"))...))
		joined.stream = 1
	}
	crowd.until(func() bool { return len(free) == connections }, "the first answer on each connection")
	took = took[:0]

	began := time.Now()
	asked, planned := 0, rate*milliseconds/1000
	for asked < planned {
		// the oldest first: the load is the same on all connections
		for asked < planned && len(free) > 0 {
			dueAt := began.Add(time.Duration(asked) * time.Second / time.Duration(rate))
			if dueAt.After(time.Now()) {
				break
			}
			free[0].ask(dueAt)
			free = free[1:]
			asked++
		}
		crowd.turn(0) // without a wait: it has a resolution of milliseconds, the measured times have microseconds
	}
	crowd.until(func() bool { return len(free) == connections }, "the last answers")
	return summary(took, time.Since(began))
}

func (connection *connection) ask(dueAt time.Time) {
	connection.stream += 2
	connection.dueAt = dueAt
	connection.send(call(connection.stream, laterHeaders))
}

func summary(took []time.Duration, elapsed time.Duration) paced {
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))].Nanoseconds()) / 1000
	}
	return paced{Rate: float64(len(took)) / elapsed.Seconds(), P50: at(0.5), P99: at(0.99), Max: at(1)}
}
