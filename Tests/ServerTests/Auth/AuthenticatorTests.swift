import NIOCore
import NIOHTTP1
import Pipeline
import Testing

@testable import Server

@Suite("Keys, and where they are shown")
struct AuthenticatorTests {
    private let authenticator = Authenticator(keys: [
        APIKey(key: Secret("first-key"), user: nil), APIKey(key: Secret("second-key"), user: "alice"),
    ])

    @Test("a key says who has it, by name or by itself")
    func known() throws {
        // printf first-key | sha256sum
        #expect(try authenticator.identity(for: "first-key") == Identity(userID: "key-9e24b55356ef"))
        #expect(try authenticator.identity(for: "second-key") == Identity(userID: "alice", username: "alice"))
    }

    @Test("a key without a name has the same user wherever it stands, and those before it are")
    func place() throws {
        let alone = Authenticator(keys: [APIKey(key: Secret("b"), user: nil)])
        let second = Authenticator(keys: ["a", "b"].map { APIKey(key: Secret($0), user: nil) })
        #expect(try alone.identity(for: "b") == second.identity(for: "b"))
        #expect(try second.identity(for: "a").userID != second.identity(for: "b").userID)
        #expect(try second.identity(for: "a").userID == "key-ca978112ca1b")
    }

    @Test(
        "whatever is no key lets nobody in",
        arguments: ["", "first-ke", "first-key ", "First-key", "first-keyfirst-key", "f", "second-kez", "first-key\0"])
    func unknown(token: String) {
        #expect(throws: AuthFailure.invalid) { try authenticator.identity(for: token) }
    }

    private func token(_ headers: HTTPHeaders) -> String? {
        PresentedToken.find(in: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws", headers: headers))
    }

    @Test("a token comes by Authorization or by a subprotocol")
    func places() {
        #expect(token(["Authorization": "Bearer abc"]) == "abc")
        #expect(token(["authorization": "bearer  abc "]) == "abc")
        #expect(token(["Authorization": "Basic abc"]) == nil)
        #expect(token(["Authorization": "Bearer"]) == nil)
        #expect(token(["Sec-WebSocket-Protocol": "stagecoach, bearer.abc.def"]) == "abc.def")
        #expect(token(["Sec-WebSocket-Protocol": "stagecoach", "sec-websocket-protocol": "bearer64.YS9iPQ"]) == "a/b=")
        #expect(token(["Sec-WebSocket-Protocol": "bearer64.%%"])?.isEmpty == true)
        #expect(token(["Sec-WebSocket-Protocol": "stagecoach, chat"]) == nil)
        #expect(token([:]) == nil)
    }

    @Test("the subprotocol that is chosen never holds a token")
    func chosen() {
        func chosen(_ offered: String) -> String? {
            let headers: HTTPHeaders = ["Sec-WebSocket-Protocol": offered]
            return PresentedToken.chosenSubprotocol(
                for: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws", headers: headers))
        }
        #expect(chosen("bearer.abc, stagecoach") == "stagecoach")
        #expect(chosen("bearer.abc") == nil)
    }

    @Test(
        "the first message is taken by its type",
        arguments: [
            (#"{"type":"auth","token":"abc"}"#, "abc"), (#"{"token":"abc"}"#, nil), (#"{"type":"auth"}"#, nil),
            (#"{"type":"auth","token":7}"#, nil), (#"{"prompt":"hello","type":"prompt","token":"abc"}"#, nil),
            ("abc", nil),
        ])
    func frame(frame: String, token: String?) {
        #expect(PresentedToken.find(in: frame) == token)
    }

    @Test("neither keys nor who has them are printed")
    func printed() {
        #expect(!"\(authenticator)".contains("first-key"))
        var text = ""
        dump(authenticator, to: &text)
        #expect(!text.contains("first-key") && !text.contains("second-key"))
    }

    @Test("a token's end is a time of the connection's clock")
    func deadline() throws {
        let now = NIODeadline.now()
        let time = Timestamp(microseconds: 1_000_000_000)
        func deadline(_ expires: Double?) -> NIODeadline? {
            Identity(userID: "u", expires: expires).deadline(now: now, at: time)
        }
        #expect(deadline(nil) == nil)
        #expect(deadline(1_010) == now + .seconds(10))
        #expect(deadline(990) == now)
        #expect(deadline(1e300) == now + .hours(24 * 366))
    }
}
