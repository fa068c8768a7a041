/// A chain of which this process only works on what waits in queues that it shares with others.
extension Chain {
    /// The steps behind such queues.
    package var sharedSteps: [StepRunner] { all.filter { $0.background?.guarantee.isShared == true } }

    /// Opens what the steps behind shared queues need, and starts their workers.
    ///
    /// - Throws: As ``open(replacing:)``, and where a step behind a shared queue hands over to a queue that only one process
    ///   can have.
    package func openForWork() async throws {
        let shared = sharedSteps
        let steps = shared.filter { step in !shared.contains { $0 !== step && $0.all.contains { $0 === step } } }
            .flatMap(\.all)
        try await open(steps)
    }

    /// Opens the resources, those queues left out that one process alone can have, and some of the steps with their workers.
    private func open(_ steps: [StepRunner]) async throws {
        do {
            for named in resources {
                if let queue = named.resource as? any QueueStore, !queue.guarantee.isShared { continue }
                opened.add { await named.close() }
                try await named.open()
            }
            for step in steps {
                opened.add { await step.close() }
                try await step.openStage()
            }
            for step in steps {
                if let queue = step.modifiers.async?.queue, !queue.guarantee.isShared, queue.guarantee.survivesProcess {
                    throw PipelineError(
                        .stageFailed,
                        "'\(step.label)' is behind the queue of one process, which a worker on its own can't have")
                }
                try await step.startWorkers(inheriting: nil, leavesShared: false)
            }
            for queue in resources(of: (any QueueStore).self) where queue.guarantee.isShared {
                await queue.reportAbandoned()
            }
        } catch {
            await close(within: .zero)
            throw error
        }
    }

    /// Opens the queues that processes share, without workers: to put messages into them.
    func openSharedQueues() async throws {
        let shared = sharedSteps
        if shared.isEmpty { return }
        for named in resources {
            guard let queue = named.resource as? any QueueStore, queue.guarantee.isShared else { continue }
            opened.add { await named.close() }
            try await named.open()
        }
        for step in shared { try await step.startWorkers(inheriting: nil, leavesShared: true) }
    }

    /// Puts a message that has failed into its queue again.
    func putBack(_ message: Message, into queue: any SharedMessageQueue) async throws(PipelineError) {
        switch try await queue.pushAgain(message) {
        case .accepted: return
        case .full: throw PipelineError(.busy, "The queue is full, or can't be reached", isRetryable: true)
        case .closed: throw .stopping
        }
    }
}
