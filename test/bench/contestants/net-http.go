// Go's net/http: a goroutine and a channel for each stream, as is usual there.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

type stream chan []byte

var (
	lock    sync.RWMutex
	clients = map[string]stream{}
	id      int
)

func listen(w http.ResponseWriter, r *http.Request) {
	client, events := r.URL.Query().Get("id"), make(stream, 64)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	flusher := w.(http.Flusher)
	io.WriteString(w, "retry: 2000\n\n")
	flusher.Flush()
	lock.Lock()
	clients[client] = events
	lock.Unlock()
	defer func() {
		lock.Lock()
		delete(clients, client)
		lock.Unlock()
	}()
	for {
		select {
		case frame := <-events:
			w.Write(frame)
			// What waits already leaves with it.
			for more := true; more; {
				select {
				case frame := <-events:
					w.Write(frame)
				default:
					more = false
				}
			}
			flusher.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func publish(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	lock.Lock()
	id++
	frame := []byte(fmt.Sprintf("id: %d\ndata: %s\n\n", id, data))
	lock.Unlock()
	lock.RLock()
	defer lock.RUnlock()
	if strings.HasPrefix(r.URL.Path, "/clients/") {
		if events, connected := clients[r.URL.Path[len("/clients/"):]]; connected {
			events <- frame
		}
	} else {
		for _, events := range clients {
			events <- frame
		}
	}
	io.WriteString(w, "ok")
}

func main() {
	http.HandleFunc("/sse", listen)
	http.HandleFunc("/broadcast", publish)
	http.HandleFunc("/clients/", publish)
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
