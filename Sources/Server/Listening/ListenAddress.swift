import Pipeline

/// The address that the host listens on.
package struct ListenAddress {
    let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool {
        text == "localhost" || IPAddress(text)?.isLoopback == true
    }
}
