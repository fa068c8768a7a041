import NIOCore
import NIOHTTP1
import Pipeline
import WebSocketCodec

/// What the parts of a connection need of the limits.
extension HostLimits {
    /// With no more connections than half of what the process may open: stages need files too.
    var withinDescriptors: HostLimits {
        var limits = self
        limits.connections = min(connections, ProcessLimits.raiseOpenFiles() / 2)
        return limits
    }

    /// What an HTTP decoder takes.
    var decoding: NIOHTTPDecoderLimitConfiguration {
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = headers.bytes
        decoding.maxHeaderListSize = headers.bytes
        decoding.maxHeaderFieldCount = 100
        return decoding
    }
}

extension WebSocketDecoder.Limits {
    init(_ limits: HostLimits) {
        self.init(maxMessageBytes: limits.message.bytes, maxFragments: limits.fragments)
    }
}

extension Channel {
    /// Only a channel that is over its high mark is asked how much waits, so that mark is never above the limit.
    func setWaterMark(of limits: HostLimits) {
        let high = min(64 << 10, limits.outbound.bytes)
        try? syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: max(1, high / 2), high: high))
    }
}
