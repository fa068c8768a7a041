import Glibc
import NIOCore

/// Hands the HTTP decoder what a client sends, one request after the other: what follows a request waits as it came until
/// that one is answered and its answer taken. Parsed ahead it would be thirty times as long.
///
/// A client that sends many requests at once has its share of a turn of the event loop, as one with many messages has.
final class RequestFeeder: ChannelDuplexHandler, RemovableChannelHandler, TurnTaker {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// What is done for one client while others wait: so many pieces, or one answer.
    private static let share = 32
    /// How long a piece is at most.
    private static let longest = 4 << 10

    private let turns: TurnScheduler
    private let messageTurns: MessageTurns
    private var context: ChannelHandlerContext?
    private var input: ByteBuffer?
    private var left = 0
    private var isFeeding = false
    private var isAnswering = false
    private var isWaiting = false
    /// Whether the decoder has handed on everything that it was given, and is given nothing.
    var isBetweenRequests: Bool { awaitsRequest && !isAnswering }
    private var holdsRead = false
    /// Whether the client has closed its sending half; said once everything that it sent before is answered.
    private var holdsEnd = false
    /// Whether the next byte is the first of a request.
    private var awaitsRequest = true
    private var isFirst = true
    /// Whether the last piece did not end with an empty line.
    private var isCut = false
    /// Bytes of a request's body that are still to come, where its length is known.
    private var bodyLeft = 0
    /// Hears of that byte.
    var requestBegins: (() -> Void)?
    /// Hears that the client has closed its sending half, before what it sent is answered.
    var inputEnds: (() -> Void)?

    /// - Parameters:
    ///   - turns: Those of clients that have sent more than their share.
    ///   - messageTurns: Those of all whose requests may be messages.
    init(turns: TurnScheduler, messageTurns: MessageTurns) {
        (self.turns, self.messageTurns) = (turns, messageTurns)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        (requestBegins, inputEnds) = (nil, nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        if input == nil {
            input = bytes
        } else {
            input?.discardReadBytes()
            input?.writeImmutableBuffer(bytes)
        }
        feed()
    }

    func read(context: ChannelHandlerContext) {
        if input == nil, !isAnswering { context.read() } else { holdsRead = true }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event as? ChannelEvent == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
        holdsEnd = true
        inputEnds?()
        passEnd()
    }

    private func passEnd() {
        guard holdsEnd, input == nil, !isAnswering, !isFeeding, let context else { return }
        holdsEnd = false
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    func channelInactive(context: ChannelHandlerContext) {
        input = nil
        context.fireChannelInactive()
    }

    /// Another protocol begins: what is here is its.
    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if let rest = input.take() {
            context.fireChannelRead(Self.wrapInboundOut(rest))
            // The read that it came with may have ended before: who answers waits for its end.
            context.fireChannelReadComplete()
        }
        if holdsEnd { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        if holdsRead { context.read() }
        context.leavePipeline(removalToken: removalToken)
    }

    /// A request has a body of so many bytes. What follows it is no part of the last piece.
    func expectBody(of length: Int) { bodyLeft = length }

    /// A request is whole: what follows it waits.
    func requestReceived() { isAnswering = true }

    /// What follows the piece that is read waits, as it is to be found out first whether the request is anybody's.
    func hold() { isAnswering = true }

    /// That is found out. What follows comes with ``feed()``.
    func release() { isAnswering = false }

    /// Its answer has been taken. What follows it comes with ``feed()``.
    func answerTaken() {
        isAnswering = false
        awaitsRequest = true
        bodyLeft = 0
        left = 0
    }

    /// Takes back what a decoder was given and is not part of its request.
    func putBack(_ bytes: ByteBuffer) {
        var bytes = bytes
        if let input { bytes.writeImmutableBuffer(input) }
        input = bytes
    }

    /// Writes bytes that need no encoder.
    func write(_ bytes: ByteBuffer) { context?.writeAndFlush(Self.wrapOutboundOut(bytes), promise: nil) }

    /// Goes on with what is there.
    func feed() {
        guard !isFeeding, !isWaiting else { return }
        if input != nil, awaitsRequest, !isAnswering, messageTurns.isOver {
            isWaiting = true
            return messageTurns.add(self)
        }
        isFeeding = true
        left = Self.share
        while left > 0, !isAnswering, let context, let piece = nextPiece() {
            left -= 1
            if awaitsRequest {
                awaitsRequest = false
                if !isFirst { requestBegins?() }
                isFirst = false
            }
            context.fireChannelRead(Self.wrapInboundOut(piece))
        }
        isFeeding = false
        if input != nil {
            guard !isAnswering, context != nil else { return }
            isWaiting = true
            turns.add(self)
        } else if holdsEnd {
            passEnd()
        } else if holdsRead, !isAnswering {
            holdsRead = false
            context?.read()
        }
    }

    func resume() {
        isWaiting = false
        feed()
        context?.fireChannelReadComplete()
    }

    /// The next bytes up to an empty line, behind which another request may begin.
    private func nextPiece() -> ByteBuffer? {
        guard var bytes = input.take() else { return nil }
        var (length, isEnd) = bytes.withUnsafeReadableBytes { Self.pieceLength($0, after: isCut) }
        isCut = !isEnd
        if bodyLeft > 0 {
            length = min(length, bodyLeft)
            bodyLeft -= length
        }
        let piece = bytes.readSlice(length: length)
        input = bytes.readableBytes > 0 ? bytes : nil
        return piece
    }

    /// - Parameter isCut: Whether the piece before did not end with an empty line.
    /// - Returns: Whether this one does, too.
    private static func pieceLength(
        _ bytes: UnsafeRawBufferPointer, after isCut: Bool
    ) -> (length: Int, isEnd: Bool) {
        let end = min(bytes.count, longest)
        guard end > 0, let start = bytes.baseAddress else { return (0, false) }
        if isCut {
            // It may be the rest of an empty line.
            if bytes[0] == 0x0A { return (1, false) }
            if end > 1, bytes[0] == 0x0D, bytes[1] == 0x0A { return (2, false) }
        }
        var index = 0
        while index < end, let found = memchr(start + index, 0x0A, end - index) {
            index = start.distance(to: UnsafeRawPointer(found)) + 1
            let isCarriage = index < end && bytes[index] == 0x0D
            let next = isCarriage ? index + 1 : index
            if next < end, bytes[next] == 0x0A { return (next + 1, true) }
        }
        return (end, false)
    }
}
