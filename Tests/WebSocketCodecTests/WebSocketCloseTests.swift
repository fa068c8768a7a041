import Testing

@testable import WebSocketCodec

@Suite("The closing handshake")
struct WebSocketCloseTests {
    @Test(
        "answers the peer's close with its own code, then ends",
        arguments: [.normal, .goingAway, nil] as [WebSocketCloseCode?])
    func peerFirst(code: WebSocketCloseCode?) {
        var state = WebSocketCloseState()
        #expect(state.received(code) == .sendClose(code, "", .now))
        #expect(state.isClosing && state.hasSentClose)
        #expect(state.start(.goingAway, "stopping") == .nothing)
    }

    @Test("waits for the answer to its own close, then ends")
    func weFirst() {
        var state = WebSocketCloseState()
        #expect(!state.isClosing)
        #expect(state.start(.goingAway, "stopping") == .sendClose(.goingAway, "stopping", .afterAnswer))
        #expect(state.isClosing && state.hasSentClose)
        #expect(state.received(.goingAway) == .end)
    }

    @Test("closes once")
    func once() {
        var state = WebSocketCloseState()
        #expect(state.start(.normal, "first") != .nothing)
        #expect(state.start(.goingAway, "second") == .nothing)
    }

    @Test("waits for no answer after a breach")
    func breach() {
        var state = WebSocketCloseState()
        let action = state.start(.protocolError, "a frame without a mask", afterBreach: true)
        #expect(action == .sendClose(.protocolError, "a frame without a mask", .afterPeer))
    }

    @Test("ends where a breach comes instead of the answer")
    func breachInsteadOfAnswer() {
        var state = WebSocketCloseState()
        _ = state.start(.goingAway, "stopping")
        #expect(state.start(.invalidData, "text that is not UTF-8", afterBreach: true) == .end)
    }

    @Test("knows which codes a peer may send")
    func codes() {
        let allowed = (UInt16.min...UInt16.max).filter { WebSocketCloseCode(rawValue: $0).mayBeSent }
        #expect(allowed == Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
    }
}
