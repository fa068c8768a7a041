import NIOCore
import NIOHTTP1
import Pipeline

/// Keeps a request back while its token can't be judged because the issuer is being asked for a key that is not known yet: its
/// client is not told that a good token is bad. What follows the request waits as it came.
final class TokenQuestions: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let gate: ConnectionGate
    private let feeder: RequestFeeder
    /// What has been read of the request: no more than stood in one piece with its header.
    private var kept: [HTTPServerRequestPart]?

    init(gate: ConnectionGate, feeder: RequestFeeder) {
        (self.gate, self.feeder) = (gate, feeder)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if kept != nil {
            kept?.append(Self.unwrapInboundIn(data))
        } else if case .head(let head) = Self.unwrapInboundIn(data), gate.refusal == nil,
            let question = gate.loop.routes.rules.question(about: head)
        {
            kept = [.head(head)]
            feeder.hold()
            context.eventLoop.answer(to: question, within: gate.limits.lookUp).whenComplete { _ in self.resume(context)
            }
        } else {
            context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if kept == nil { context.fireChannelReadComplete() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        kept = nil
        context.fireChannelInactive()
    }

    private func resume(_ context: ChannelHandlerContext) {
        guard let parts = kept.take() else { return }
        feeder.release()
        for part in parts { context.fireChannelRead(Self.wrapInboundOut(part)) }
        context.fireChannelReadComplete()
        feeder.feed()
    }
}

extension EventLoop {
    /// The end of a question, or that of the time.
    func answer(
        to question: Task<Void, Never>, within limit: Duration
    ) -> EventLoopFuture<Void>.Isolated {
        makeFutureWithTask {
            try? await withTimeout(limit, orThrow: CancellationError()) { await question.value }
        }.assumeIsolated()
    }
}
