package import Pipeline

/// What takes the place of the resources of a file that is tested, so that no key and no server are needed.
package struct StandIns: Sendable {
    private let model: any Model.Type
    private let database: any RowStore.Type
    private let queue: any QueueStore.Type
    private let shared: any (QueueStore & SharedStore).Type

    /// The stand-ins of each kind; none of them has settings. `shared` is for queues by which hosts share what they know.
    package init(
        model: any Model.Type, database: any RowStore.Type, queue: any QueueStore.Type,
        shared: any (QueueStore & SharedStore).Type
    ) {
        (self.model, self.database, self.queue, self.shared) = (model, database, queue, shared)
    }

    /// What is changed of a file that is read.
    package var filter: FileFilter {
        FileFilter(adding: [model, database, queue, shared]) { applied(to: $0, knowing: $1) }
    }

    /// The tree with stand-ins under `resources:`. Done before variables are filled in: those of a resource that is not
    /// there need not be set.
    private func applied(to root: Node, knowing registry: Registry) -> Node {
        guard let entries = root.entries else { return root }
        let replaced = entries.map { entry in
            guard entry.name == "resources", let resources = entry.value.entries else { return entry }
            let new = resources.map { Node.Entry(key: $0.key, value: standIn(for: $0.value, knowing: registry)) }
            return Node.Entry(key: entry.key, value: Node(content: .mapping(new), range: entry.value.range))
        }
        return Node(content: .mapping(replaced), range: root.range)
    }

    private func standIn(for node: Node, knowing registry: Registry) -> Node {
        let name = node.entries?.first?.name ?? node.scalar?.text ?? ""
        guard let type = registry.resources[name], let other = standIn(for: type) else { return node }
        return Node(content: .scalar(Scalar(other.name)), range: node.range)
    }

    private func standIn(for type: any Resource.Type) -> (any Resource.Type)? {
        if type is any Model.Type { return model }
        if type is any RowStore.Type { return database }
        if type is any SharedStore.Type { return shared }
        if type is any QueueStore.Type { return queue }
        return nil
    }
}
