"""Facts about work that the sample enterprise is made from, each with its source.

Job titles, departments and cities: Oracle's sample schema "HR". Copyright (c) 2023 Oracle. Permission is hereby
granted, free of charge, to any person obtaining a copy of this software and associated documentation files, to deal in
it without restriction, including the rights to use, copy, modify, merge, publish, distribute, sublicense and sell
copies, and to permit persons to whom it is furnished to do so, provided that this notice is included in all copies or
substantial portions. It is provided "as is", without warranty of any kind; the authors or copyright holders are not
liable for any claim arising from it or its use.

Technologies (marked hot or in demand) and the importance of work styles, by occupation: O*NET 29.2 Database, U.S.
Department of Labor, Employment and Training Administration, CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/);
selected, shortened and joined to the job titles by us.

Singapore, the zones and languages of the cities, and the titles of vice presidents and of the managers of people and IT
are our own.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where people work. `weight` is the share of the staff, against the other places."""

    city: str
    country: str
    region: str
    time_zone: str
    languages: tuple[str, ...]
    weight: int


PLACES = (
    Place("Seattle", "US", "Americas", "America/Los_Angeles", ("en",), 5),
    Place("South San Francisco", "US", "Americas", "America/Los_Angeles", ("en", "es"), 5),
    Place("Toronto", "CA", "Americas", "America/Toronto", ("en", "fr"), 4),
    Place("Oxford", "GB", "Europe", "Europe/London", ("en",), 5),
    Place("London", "GB", "Europe", "Europe/London", ("en", "fr"), 4),
    Place("Munich", "DE", "Europe", "Europe/Berlin", ("en", "de"), 4),
    Place("Singapore", "SG", "Asia", "Asia/Singapore", ("en", "zh"), 6),
)
REGIONS = tuple(dict.fromkeys(place.region for place in PLACES))


@dataclass(frozen=True, slots=True)
class Job:
    """A job title, its department, and the O*NET occupation that stands for it."""

    title: str
    department: str
    occupation: str
    weight: int = 1


PRESIDENT = Job("President", "Executive", "Chief Executives")
VICE_PRESIDENTS = (
    Job("Administration Vice President", "Executive", "General and Operations Managers"),
    Job("Sales Vice President", "Sales", "Sales Managers"),
    Job("Operations Vice President", "Shipping", "General and Operations Managers"),
    Job("Finance Vice President", "Finance", "Financial Managers"),
)
MANAGERS = (
    Job("Sales Manager", "Sales", "Sales Managers", 6),
    Job("Stock Manager", "Shipping", "Transportation, Storage, and Distribution Managers", 5),
    Job("Finance Manager", "Finance", "Financial Managers", 3),
    Job("Accounting Manager", "Accounting", "Treasurers and Controllers", 2),
    Job("Purchasing Manager", "Purchasing", "Purchasing Managers", 2),
    Job("Marketing Manager", "Marketing", "Marketing Managers", 3),
    Job("Human Resources Manager", "Human Resources", "Human Resources Managers", 2),
    Job("IT Manager", "IT", "Computer and Information Systems Managers", 3),
)
STAFF = (
    Job("Sales Representative", "Sales", "Sales Representatives, Wholesale and Manufacturing", 8),
    Job("Stock Clerk", "Shipping", "Stockers and Order Fillers", 3),
    Job("Shipping Clerk", "Shipping", "Shipping, Receiving, and Inventory Clerks", 3),
    Job("Programmer", "IT", "Computer Programmers", 6),
    Job("Accountant", "Finance", "Accountants and Auditors", 4),
    Job("Public Accountant", "Accounting", "Accountants and Auditors", 2),
    Job("Purchasing Clerk", "Purchasing", "Procurement Clerks", 2),
    Job("Marketing Representative", "Marketing", "Market Research Analysts and Marketing Specialists", 5),
    Job("Human Resources Representative", "Human Resources", "Human Resources Specialists", 3),
    Job("Public Relations Representative", "Public Relations", "Public Relations Specialists", 3),
    Job("Administration Assistant", "Administration", "Executive Secretaries", 2),
)

TECHNOLOGIES: dict[str, tuple[str, ...]] = {
    "Chief Executives": ("Microsoft PowerPoint", "Microsoft Dynamics", "Atlassian JIRA", "Microsoft SharePoint"),
    "General and Operations Managers": ("Tableau", "Slack", "Salesforce software", "SAP software", "Google Docs"),
    "Sales Managers": ("Salesforce software", "HubSpot software", "Microsoft Teams", "Zoom", "Tableau"),
    "Marketing Managers": ("TikTok", "Canva", "Google Analytics", "Figma", "WordPress", "Slack"),
    "Financial Managers": ("Alteryx software", "Workday software", "Tableau", "R", "SAP software"),
    "Treasurers and Controllers": ("Intuit QuickBooks", "SAP software", "Microsoft Excel"),
    "Purchasing Managers": ("SAP software", "Oracle Database", "Microsoft SharePoint"),
    "Transportation, Storage, and Distribution Managers": ("Warehouse management system WMS", "SAP software"),
    "Human Resources Managers": ("Workday software", "Facebook", "Microsoft SharePoint"),
    "Computer and Information Systems Managers": ("Amazon Web Services AWS software", "Python", "Linux", "Tableau"),
    "Sales Representatives, Wholesale and Manufacturing": (
        "Salesforce software",
        "HubSpot software",
        "Slack",
        "Zoom",
        "Microsoft Teams",
        "Tableau",
        "Google Docs",
    ),
    "Stockers and Order Fillers": ("Google Docs", "SAP software", "Microsoft Excel", "Microsoft Outlook"),
    "Shipping, Receiving, and Inventory Clerks": ("Inventory management systems", "SAP software", "Microsoft Excel"),
    "Computer Programmers": (
        "Python",
        "React",
        "Docker",
        "Git",
        "GitHub",
        "Amazon Web Services AWS software",
        "Apache Kafka",
        "PostgreSQL",
        "Linux",
        "Tableau",
    ),
    "Accountants and Auditors": ("Alteryx software", "Google Sheets", "Tableau", "R", "SAP Concur", "Workday software"),
    "Procurement Clerks": ("SAP software", "Oracle Database", "Microsoft SharePoint", "Intuit QuickBooks"),
    "Market Research Analysts and Marketing Specialists": (
        "TikTok",
        "Canva",
        "Google Analytics",
        "HubSpot software",
        "WordPress",
        "Slack",
        "Tableau",
        "Adobe Creative Cloud software",
    ),
    "Human Resources Specialists": ("Workday software", "Applicant tracking software", "Slack", "Tableau", "Zoom"),
    "Public Relations Specialists": (
        "Canva",
        "Facebook",
        "WordPress",
        "HubSpot software",
        "Google Analytics",
        "Adobe Creative Cloud software",
    ),
    "Executive Secretaries": ("Slack", "Zoom", "Google Workspace software", "Cisco Webex", "SAP Concur"),
}
"""Occupation → technologies that O*NET marks hot or in demand there."""

WORK_STYLES: dict[str, dict[str, float]] = {
    "Chief Executives": {
        "Leadership": 4.97,
        "Initiative": 4.85,
        "Persistence": 4.76,
        "Analytical Thinking": 4.70,
        "Integrity": 4.69,
        "Cooperation": 4.63,
    },
    "General and Operations Managers": {
        "Integrity": 4.84,
        "Leadership": 4.60,
        "Initiative": 4.47,
        "Stress Tolerance": 4.44,
        "Cooperation": 4.41,
        "Self-Control": 4.35,
    },
    "Sales Managers": {
        "Initiative": 4.78,
        "Leadership": 4.57,
        "Adaptability/Flexibility": 4.57,
        "Stress Tolerance": 4.52,
        "Persistence": 4.48,
        "Independence": 4.30,
    },
    "Marketing Managers": {
        "Initiative": 4.53,
        "Leadership": 4.37,
        "Adaptability/Flexibility": 4.31,
        "Persistence": 4.23,
        "Innovation": 4.15,
        "Cooperation": 4.08,
    },
    "Financial Managers": {
        "Attention to Detail": 4.68,
        "Leadership": 4.47,
        "Cooperation": 4.47,
        "Concern for Others": 4.31,
        "Stress Tolerance": 4.20,
        "Analytical Thinking": 4.19,
    },
    "Treasurers and Controllers": {
        "Integrity": 5.00,
        "Attention to Detail": 4.83,
        "Analytical Thinking": 4.62,
        "Persistence": 4.52,
        "Initiative": 4.48,
        "Leadership": 4.36,
    },
    "Purchasing Managers": {
        "Integrity": 4.84,
        "Attention to Detail": 4.74,
        "Cooperation": 4.53,
        "Stress Tolerance": 4.53,
        "Adaptability/Flexibility": 4.47,
        "Leadership": 4.26,
    },
    "Transportation, Storage, and Distribution Managers": {
        "Integrity": 4.50,
        "Leadership": 4.41,
        "Stress Tolerance": 4.40,
        "Cooperation": 4.25,
        "Self-Control": 4.25,
        "Initiative": 4.21,
    },
    "Human Resources Managers": {
        "Integrity": 4.88,
        "Self-Control": 4.71,
        "Leadership": 4.62,
        "Initiative": 4.54,
        "Concern for Others": 4.38,
        "Adaptability/Flexibility": 4.33,
    },
    "Computer and Information Systems Managers": {
        "Attention to Detail": 4.67,
        "Initiative": 4.36,
        "Cooperation": 4.33,
        "Analytical Thinking": 4.25,
        "Adaptability/Flexibility": 4.19,
        "Leadership": 4.15,
    },
}
"""Senior occupation → work style → importance (1 to 5)."""
