import NIOCore

/// What a reload changes for a connection of HTTP.
extension HTTPRequestHandler {
    /// The limits are others: those of sizes for the next request, those of times at once.
    func limitsChanged() {
        guard let context else { return }
        context.channel.setWaterMark(of: gate.limits)
        clock?.limitsChanged()
        guard let codec, let feeder, codec.take(gate.limits.decoding) else { return }
        if !isBusy, feeder.isBetweenRequests {
            feeder.requestReceived()
            renewDecoder(codec, context)
        } else {
            hasFormerLimits = true
        }
    }

    func renewDecoder(_ codec: HTTPCodec, _ context: ChannelHandlerContext) {
        hasFormerLimits = false
        codec.renewDecoder(in: context.pipeline.syncOperations).assumeIsolated().whenSuccess { [feeder] in
            feeder?.answerTaken()
            feeder?.feed()
        }
    }
}
