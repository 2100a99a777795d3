"""What the services share: public events (`events.contracts`) and the runtime that makes a service event-sourced."""
