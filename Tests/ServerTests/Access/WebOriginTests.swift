import Testing

@testable import Server

@Suite("Origins of web pages in a file")
struct WebOriginTests {
    @Test(
        "are kept as browsers send them",
        arguments: [
            ("https://chat.example", "https://chat.example"), ("HTTPS://Chat.Example:443", "https://chat.example"),
            ("http://chat.example:80", "http://chat.example"), ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://chat.example:80", "https://chat.example:80"),
            ("chrome-extension://abc", "chrome-extension://abc"),
            ("null", "null"), ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("HTTPS://BÜCHER.example:443", "https://xn--bcher-kva.example"),
            ("https://bu\u{308}cher.example:8443", "https://xn--bcher-kva.example:8443"),
            ("http://例え.テスト", "http://xn--r8jz45g.xn--zckzah"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ])
    func kept(text: String, sent: String) {
        #expect(WebOrigin(text)?.text == sent)
    }

    @Test(
        "are none where no browser sends that",
        arguments: [
            "", "*", "chat.example", "https://chat.example/", "https://", "://x", "https://*.example", "https:/x",
            "https://-ü.example", "https://bücher.example:x", "https://\u{200d}.example", "hüttps://a.example",
            "wss://chat.example", "WS://chat.example:80", "https://chat.example:99999", "http://a:b:c", "https://[::1",
        ])
    func refused(text: String) {
        #expect(WebOrigin(text) == nil)
    }
}
