import Stages

/// The address that the host listens on.
struct ListenAddress {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    /// Whether only this machine can reach it.
    var isLoopback: Bool {
        text == "localhost" || IPAddress(text)?.isLoopback == true
    }
}
