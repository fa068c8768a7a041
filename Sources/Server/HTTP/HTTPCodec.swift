import NIOCore
import NIOHTTP1

/// What turns a connection's bytes into requests and answers into bytes, for as long as HTTP is spoken on it.
final class HTTPCodec {
    private var limits: NIOHTTPDecoderLimitConfiguration
    private let encoder = HTTPResponseEncoder()
    private let pipelining = HTTPServerPipelineHandler()
    private let validator = NIOHTTPResponseHeadersValidator()
    private let errors = HTTPServerProtocolErrorHandler()
    private let questions: TokenQuestions?
    private var decoder: ByteToMessageHandler<HTTPRequestDecoder>

    /// - Parameter questions: Keeps requests back whose tokens can't be judged yet.
    init(limits: NIOHTTPDecoderLimitConfiguration, questions: TokenQuestions? = nil) {
        (self.limits, self.questions) = (limits, questions)
        decoder = HTTPCodec.decoder(limits)
    }

    func add(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        try pipeline.addHandlers([encoder, decoder, pipelining, validator, errors])
        if let questions { try pipeline.addHandler(questions) }
    }

    /// Takes other limits, with the next ``renewDecoder(in:)``.
    ///
    /// - Returns: Whether they are others.
    func take(_ limits: NIOHTTPDecoderLimitConfiguration) -> Bool {
        defer { self.limits = limits }
        return limits.maxHeaderListSize != self.limits.maxHeaderListSize
    }

    /// Takes everything out: another protocol is spoken from now on.
    func remove(from pipeline: ChannelPipeline.SynchronousOperations) -> EventLoopFuture<Void> {
        for handler in [pipelining, validator, errors, encoder] as [any RemovableChannelHandler] {
            pipeline.removeHandler(handler, promise: nil)
        }
        if let questions { pipeline.removeHandler(questions, promise: nil) }
        return pipeline.removeHandler(decoder)
    }

    /// A request whose client offered another protocol was the last that its decoder reads. Where the offer was not taken
    /// the next needs a new one; what the old one has of it comes back as an error. Other limits need a new one, too.
    func renewDecoder(in pipeline: ChannelPipeline.SynchronousOperations) -> EventLoopFuture<Void> {
        pipeline.removeHandler(decoder).assumeIsolated().flatMapThrowing { [self] in
            decoder = HTTPCodec.decoder(limits)
            try pipeline.addHandler(decoder, position: .after(encoder))
        }.nonisolated()
    }

    /// Whether a decoder reads nothing more after a request.
    static func isLastOfDecoder(_ head: HTTPRequestHead) -> Bool {
        head.headers.contains(name: "upgrade") || head.method == .CONNECT
    }

    private static func decoder(_ limits: NIOHTTPDecoderLimitConfiguration) -> ByteToMessageHandler<HTTPRequestDecoder>
    {
        ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .fireError, limitConfiguration: limits))
    }
}
