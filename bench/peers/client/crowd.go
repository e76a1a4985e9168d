package main

import (
	"encoding/binary"
	"log"
	"syscall"
	"time"
)

// Timeout of the server.
const patience = 30 * time.Second

// Many connections to one server, read by one thread.
type crowd struct {
	epoll       int
	connections map[int32]*connection
	heard       func(*connection, byte, byte, []byte)
	// Called for every WINDOW_UPDATE, if it is set.
	widened func(from *connection, stream, by uint32)
	buffer  []byte
	events  []syscall.EpollEvent
}

// One connection: the start of an incomplete frame, and the data of its user.
type connection struct {
	socket int
	left   []byte
	stream uint32
	dueAt  time.Time
}

// heard is called for every DATA and HEADERS frame, with its type, flags and payload.
func newCrowd(heard func(*connection, byte, byte, []byte)) *crowd {
	epoll, err := syscall.EpollCreate1(0)
	check(err)
	return &crowd{
		epoll: epoll, connections: map[int32]*connection{}, heard: heard,
		buffer: make([]byte, 1<<16), events: make([]syscall.EpollEvent, 256),
	}
}

// Opens one more connection, and sends its first bytes.
func (crowd *crowd) join(port int, opening []byte) *connection {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	check(err)
	check(syscall.Connect(socket, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
	check(syscall.SetsockoptInt(socket, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	joined := &connection{socket: socket}
	joined.send(opening)
	check(syscall.SetNonblock(socket, true))
	crowd.connections[int32(socket)] = joined
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(socket)}
	check(syscall.EpollCtl(crowd.epoll, syscall.EPOLL_CTL_ADD, socket, &event))
	return joined
}

// Reads until the condition is true.
func (crowd *crowd) until(holds func() bool, what string) {
	for deadline := time.Now().Add(patience); !holds(); crowd.turn(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			log.Fatalf("in %v it never came: %s", patience, what)
		}
	}
}

// Answers SETTINGS and PING of the server.
func (crowd *crowd) idle(span time.Duration) {
	for deadline := time.Now().Add(span); time.Now().Before(deadline); {
		crowd.turn(10 * time.Millisecond)
	}
}

// Reads what has arrived, and waits for more at most this long.
func (crowd *crowd) turn(wait time.Duration) {
	count, err := syscall.EpollWait(crowd.epoll, crowd.events, int(wait.Milliseconds()))
	if err == syscall.EINTR {
		return
	}
	check(err)
	for _, event := range crowd.events[:count] {
		from := crowd.connections[event.Fd]
		length, err := syscall.Read(from.socket, crowd.buffer)
		if err == syscall.EAGAIN {
			continue
		}
		check(err)
		if length == 0 {
			log.Fatal("the server has closed a connection")
		}
		crowd.take(from, crowd.buffer[:length])
	}
}

// Splits the received bytes into frames.
func (crowd *crowd) take(from *connection, read []byte) {
	if len(from.left) > 0 {
		read = append(from.left, read...)
	}
	for len(read) >= 9 {
		length := int(read[0])<<16 | int(read[1])<<8 | int(read[2])
		if len(read) < 9+length {
			break
		}
		kind, flags, payload := read[3], read[4], read[9:9+length]
		switch {
		case kind == typeData || kind == typeHeaders:
			crowd.heard(from, kind, flags, payload)
		case kind == typeSettings && flags&flagAck == 0:
			from.send(frame(typeSettings, flagAck, 0, nil))
		case kind == typePing && flags&flagAck == 0:
			from.send(frame(typePing, flagAck, 0, payload))
		case kind == typeWindowUpdate && crowd.widened != nil:
			crowd.widened(from, binary.BigEndian.Uint32(read[5:]), binary.BigEndian.Uint32(payload))
		case kind == typeReset || kind == typeGoaway:
			log.Fatalf("the server has given up: frame type %d, %q", kind, payload)
		}
		read = read[9+length:]
	}
	from.left = append(from.left[:0], read...)
}

// Few bytes, which always fit into the send buffer.
func (connection *connection) send(bytes []byte) {
	_, err := syscall.Write(connection.socket, bytes)
	check(err)
}
