// Go's net/http with its defaults and gorilla's WebSocket: posts, pages, events, then a WebSocket.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/gorilla/websocket"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	base := os.Args[1]
	for number := 0; number < 3; number++ {
		prompt := fmt.Sprintf("go %d", number)
		answer := must(http.Post("http"+base+"/ws", "application/json", strings.NewReader(`{"prompt": "`+prompt+`"}`)))
		body := string(must(io.ReadAll(answer.Body)))
		answer.Body.Close()
		fmt.Println(answer.StatusCode, strings.Contains(body, `"response":"`+prompt+`"`))
		page := must(http.Get("http" + base + "/healthz"))
		fmt.Println(strings.TrimSpace(string(must(io.ReadAll(page.Body)))))
		page.Body.Close()
	}
	request := must(http.NewRequest("POST", "http"+base+"/ws", strings.NewReader(`{"prompt": "go events"}`)))
	request.Header.Set("Accept", "text/event-stream")
	answer := must(http.DefaultClient.Do(request))
	found := false
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		found = found || strings.Contains(lines.Text(), `"response":"go events"`)
	}
	fmt.Println(found)
	socket, _, err := websocket.DefaultDialer.Dial("ws"+base+"/ws", nil)
	must(socket, err)
	must(0, socket.WriteMessage(websocket.TextMessage, []byte("go socket")))
	_, text, err := socket.ReadMessage()
	must(text, err)
	fmt.Println(string(text))
}
