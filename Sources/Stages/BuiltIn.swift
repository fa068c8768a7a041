public import Pipeline
import Resources

/// The stages and resources that come with Stagecoach.
public enum BuiltIn {
    /// In the order of the documented flow.
    public static let stages: [any Stage.Type] = [
        Receive.self, Limit.self, Validate.self, Recall.self, Complete.self, Persist.self, Respond.self, Log.self,
        Transform.self, HTTP.self, Exec.self, Chain.Route.self, Chain.Parallel.self, Chain.Attempt.self,
        Chain.InBackground.self, Use.self,
    ]

    /// Models first, then databases, then queues.
    public static let resources: [any Resource.Type] = [
        OpenAI.self, Echo.self, SQLite.self, Postgres.self, Supabase.self, Memory.self, Disk.self,
        NATSQueue.self,
    ]
}
