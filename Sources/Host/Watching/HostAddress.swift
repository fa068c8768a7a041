import Foundation

/// The host that is watched, as it is named on the command line: the address that `serve` prints, or a part of it.
struct HostAddress {
    /// Scheme, host and port, without a path.
    let text: String

    /// - Parameter written: `http://127.0.0.1:8080`, `127.0.0.1:8080`, `:8080`, or a pipeline's `ws://127.0.0.1:8080/ws`.
    /// - Returns: `nil` where it names no host.
    init?(_ written: String) {
        var text = written.hasPrefix(":") ? "127.0.0.1" + written : written
        if !text.contains("://") { text = "http://" + text }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty, parts.user == nil,
            let scheme = ["http": "http", "https": "https", "ws": "http", "wss": "https"][parts.scheme ?? ""]
        else { return nil }
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        self.text = "\(scheme)://\(name)" + (parts.port.map { ":\($0)" } ?? "")
    }

    /// The feed's address.
    ///
    /// - Parameters:
    ///   - tap: The label of the stage whose messages are asked for, `*` for every stage; `nil` for none.
    ///   - session: The session whose messages those are; `nil` for any.
    func feed(tap: String? = nil, session: String? = nil) -> String {
        let items = [("tap", tap), ("session", session)].compactMap { name, value in
            value.map { "\(name)=\(HostAddress.encoded($0))" }
        }
        return text + "/console/events" + (items.isEmpty ? "" : "?" + items.joined(separator: "&"))
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }
}
