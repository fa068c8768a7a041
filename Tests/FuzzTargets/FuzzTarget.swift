/// What reads bytes from elsewhere. Each takes any bytes at all, and traps where a promise about them is broken.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// WebSocket frames.
    case frames
    /// WebSocket frames with permessage-deflate.
    case deflate
    /// A request line and header fields.
    case handshake
    /// What clients say in JSON format.
    case json
    /// Targets of requests and what stands in their query.
    case query
    /// Streams of server-sent events from a model's API.
    case events
    /// Pipeline files.
    case yaml
    /// Files of the environment.
    case dotenv

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .frames: FrameTarget.run(bytes, compression: false)
        case .deflate: FrameTarget.run(bytes, compression: true)
        case .handshake: HandshakeTarget.run(bytes)
        case .json: JSONTarget.run(bytes)
        case .query: HandshakeTarget.runQuery(bytes)
        case .events: EventTarget.run(bytes)
        case .yaml: FileTarget.run(bytes)
        case .dotenv: FileTarget.runEnvironment(bytes)
        }
    }
}

/// The same bytes in pieces of so many.
func pieces(_ bytes: some RandomAccessCollection<UInt8>, of size: Int) -> [[UInt8]] {
    let bytes = Array(bytes)
    return stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min(bytes.count, $0 + size)]) }
}
