"""A local Lambda: the deployed packages under Lambda's own runtime client, fed by HTTP, queues and the clock."""
